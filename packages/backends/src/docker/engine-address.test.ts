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
