import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findEngine, parseAddress } from './engine-address.ts';

let home = '';
beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'ea-'))));
afterEach(() => rmSync(home, { recursive: true, force: true }));

function writeContext(name: string, host: string): void {
  const hash = createHash('sha256').update(name).digest('hex');
  const meta = join(home, '.docker', 'contexts', 'meta', hash);
  mkdirSync(meta, { recursive: true });
  writeFileSync(
    join(meta, 'meta.json'),
    JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }),
  );
}

describe('findEngine', () => {
  test('what is named counts, in this order: option, DOCKER_HOST, DOCKER_CONTEXT, current context', () => {
    writeContext('far', 'tcp://far:1');
    writeContext('near', 'unix:///near.sock');
    writeFileSync(join(home, '.docker', 'config.json'), JSON.stringify({ currentContext: 'near' }));
    const env = { DOCKER_HOST: 'unix:///env.sock', DOCKER_CONTEXT: 'far' };
    expect(findEngine({ env, home, host: 'unix:///option.sock' })).toMatchObject({ path: '/option.sock' });
    expect(findEngine({ env, home })).toMatchObject({ path: '/env.sock', source: 'DOCKER_HOST' });
    expect(findEngine({ env: { DOCKER_CONTEXT: 'far' }, home })).toMatchObject({ host: 'far', port: 1 });
    expect(findEngine({ env: {}, home })).toMatchObject({ path: '/near.sock', source: 'context near' });
  });

  test('a context that is not there is refused, and no other engine stands in', () => {
    expect(() => findEngine({ env: { DOCKER_CONTEXT: 'none' }, home })).toThrow(
      expect.objectContaining({ reason: 'config.invalid' }),
    );
    expect(
      findEngine({ env: { DOCKER_CONTEXT: 'default', CONTAINER_HOST: 'unix:///p.sock' }, home })?.source,
    ).not.toBe('context default');
  });

  test('TLS that is asked for without its files is refused, whoever asks', () => {
    writeContext('far', 'tcp://far:1');
    writeContext('secure', 'tcp://far:2376');
    const hash = createHash('sha256').update('far').digest('hex');
    mkdirSync(join(home, '.docker', 'contexts', 'tls', hash, 'docker'), { recursive: true });
    const host = 'tcp://h:1';
    for (const env of [
      { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1' },
      { DOCKER_HOST: host, DOCKER_TLS: '1' },
      { DOCKER_HOST: host, DOCKER_CERT_PATH: home },
      { DOCKER_HOST: 'https://h' },
      { DOCKER_HOST: 'tcp://h:2376' },
      { DOCKER_CONTEXT: 'far' },
      { DOCKER_CONTEXT: 'secure' },
    ])
      expect(() => findEngine({ env, home }), JSON.stringify(env)).toThrow(
        expect.objectContaining({
          reason: 'config.invalid',
          message: expect.stringContaining('ca.pem is not there') as unknown,
        }),
      );
    for (const name of ['ca.pem', 'cert.pem', 'key.pem']) writeFileSync(join(home, name), '');
    const tls = {
      ca: join(home, 'ca.pem'),
      client: { cert: join(home, 'cert.pem'), key: join(home, 'key.pem') },
    };
    for (const tcp of ['tcp://h', 'h'])
      expect(findEngine({ env: { DOCKER_HOST: tcp, DOCKER_CERT_PATH: home }, home })).toMatchObject({
        port: 2376,
        tls,
      });
  });

  test('a context that turns verification off is refused', () => {
    const hash = createHash('sha256').update('lax').digest('hex');
    writeContext('lax', 'tcp://far:1');
    writeFileSync(
      join(home, '.docker', 'contexts', 'meta', hash, 'meta.json'),
      JSON.stringify({ Endpoints: { docker: { Host: 'tcp://far:1', SkipTLSVerify: true } } }),
    );
    expect(() => findEngine({ env: { DOCKER_CONTEXT: 'lax' }, home })).toThrow(
      expect.objectContaining({ reason: 'config.invalid' }),
    );
  });

  test('configuration that is no JSON, or hostile, is as if it were not there', () => {
    mkdirSync(join(home, '.docker'));
    for (const text of ['', '{', '[]', '{"currentContext":{}}', '['.repeat(100_000)]) {
      writeFileSync(join(home, '.docker', 'config.json'), text);
      expect(() => findEngine({ env: {}, home })).not.toThrow();
    }
  });
});

describe('parseAddress', () => {
  test('the forms that people write', () => {
    expect(parseAddress('unix:///a/b.sock', 's', {})).toEqual({
      kind: 'socket',
      path: '/a/b.sock',
      source: 's',
    });
    expect(parseAddress('tcp://h:99', 's', {})).toEqual({ kind: 'tcp', host: 'h', port: 99, source: 's' });
    expect(parseAddress('h', 's', {})).toMatchObject({ kind: 'tcp', host: 'h', port: 2375 });
    expect(parseAddress('ssh://me@h', 's', {})).toMatchObject({
      kind: 'ssh',
      host: 'h',
      port: 22,
      user: 'me',
    });
  });

  test('an address of IPv6 and a socket behind ssh', () => {
    expect(parseAddress('tcp://[::1]:99', 's')).toMatchObject({ host: '::1', port: 99 });
    expect(parseAddress('ssh://h:2222/run/docker.sock', 's')).toEqual({
      kind: 'ssh',
      host: 'h',
      port: 2222,
      user: '',
      path: '/run/docker.sock',
      source: 's',
    });
  });

  test('nothing that ssh or a shell could take for more than a name gets through', () => {
    for (const text of [
      'ssh://-oProxyCommand=x',
      'ssh://-oProxyCommand%3Dx/',
      'ssh://%2doProxyCommand=x@h',
      'ssh://a%20b@h',
      'ssh://$(x)@h',
      'ssh://h/$(x)',
      'ssh://h/a%20b',
      'ssh://h/a;b',
      'ssh://h`x`',
    ])
      expect(() => parseAddress(text, 's'), text).toThrow(
        expect.objectContaining({ reason: 'config.invalid' }),
      );
    const withPassword = (): unknown => parseAddress('ssh://me:hidden@h', 's');
    expect(withPassword).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hidden') as unknown }),
    );
  });

  test('others are refused with what was expected', () => {
    for (const text of ['unix://relative', 'ftp://x', 'tcp://', 'http://[', 'unix://'])
      expect(() => parseAddress(text, 's', {}), text).toThrow(
        expect.objectContaining({
          reason: 'config.invalid',
          message: expect.stringContaining('expected') as unknown,
        }),
      );
  });
});
