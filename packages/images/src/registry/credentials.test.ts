import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseChallenges } from './challenge.ts';
import { findCredentials } from './credentials.ts';
import { endpointsOf, isLoopback } from './registry-config.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cr-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const auth = (user: string): { readonly auth: string } => ({
  auth: Buffer.from(`${user}:pass:word`).toString('base64'),
});
const write = (path: string, value: unknown): void => {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), typeof value === 'string' ? value : JSON.stringify(value));
};
const find = (registry: string, repository = 'team/app', env: Record<string, string> = {}) =>
  findCredentials(registry, repository, { env, home: root });
const password = (user: string) => ({ kind: 'password', user, password: 'pass:word' });

describe('credentials', () => {
  test('come from the files of docker and podman, the more special entry first', async () => {
    write('.docker/config.json', {
      auths: {
        'https://index.docker.io/v1/': auth('hub'),
        'r.example': auth('docker'),
        'r.example/team': auth('team'),
      },
    });
    write('run/containers/auth.json', { auths: { 'r.example': auth('podman') } });
    expect(await find('docker.io')).toEqual(password('hub'));
    expect(await find('r.example')).toEqual(password('team'));
    expect(await find('r.example', 'other/app')).toEqual(password('docker'));
    expect(await find('r.example', 'x', { XDG_RUNTIME_DIR: join(root, 'run') })).toEqual(password('podman'));
    expect(await find('elsewhere.example')).toBeUndefined();
    write('only.json', { auths: { 'r.example': { identitytoken: 'token' } } });
    expect(await find('r.example', 'x', { REGISTRY_AUTH_FILE: join(root, 'only.json') })).toEqual({
      kind: 'identity',
      token: 'token',
    });
    write('docker/config.json', { auths: { 'r.example': { username: 'u', password: 'p' } } });
    expect(await find('r.example', 'x', { DOCKER_CONFIG: join(root, 'docker') })).toEqual({
      kind: 'password',
      user: 'u',
      password: 'p',
    });
  });

  test.each([
    '',
    '{',
    '[]',
    '{"auths":1}',
    '{"auths":{"r.example":{"auth":1}}}',
    '{"auths":{"r.example":{"auth":"???"}}}',
    '{"credsStore":"../evil"}',
    '['.repeat(1_000),
  ])('a file like %j is as good as none', async (content) => {
    write('.docker/config.json', content);
    expect(await find('r.example')).toBeUndefined();
  });
});

describe('challenges', () => {
  test('are read with their parameters', () => {
    const [bearer, basic] = parseChallenges(
      'Bearer realm="https://a.example/t",service="s, \\"q\\"",scope="repository:a/b:pull,push", Basic realm=x',
    );
    expect(bearer?.scheme).toBe('bearer');
    expect(Object.fromEntries(bearer?.parameters ?? [])).toEqual({
      realm: 'https://a.example/t',
      service: 's, "q"',
      scope: 'repository:a/b:pull,push',
    });
    expect(basic).toEqual({ scheme: 'basic', parameters: new Map([['realm', 'x']]) });
  });

  test('any header is read', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (text) => void parseChallenges(text)),
      { numRuns: 2_000 },
    );
  });
});

describe('endpoints', () => {
  test('plain HTTP is for loopback and for what the user says', () => {
    expect(endpointsOf('docker.io', {})).toEqual([
      { host: 'docker.io', bases: ['https://registry-1.docker.io'], isInsecure: false },
    ]);
    expect(endpointsOf('localhost:5000', {})[0]?.bases).toEqual([
      'https://localhost:5000',
      'http://localhost:5000',
    ]);
    expect(endpointsOf('r.example', { 'r.example': { isInsecure: true } })[0]?.bases).toContain(
      'http://r.example',
    );
    expect(endpointsOf('127.0.0.1:5000', { '127.0.0.1:5000': { isInsecure: false } })[0]?.bases).toEqual([
      'https://127.0.0.1:5000',
    ]);
    const mirrored = endpointsOf('r.example', { 'r.example': { mirrors: ['https://m.example/path/'] } });
    expect(mirrored.map(({ bases }) => bases)).toEqual([['https://m.example/path'], ['https://r.example']]);
    expect(endpointsOf('constructor', {})).toHaveLength(1);
  });

  test.each([['127.0.0.1', true], ['127.1.2.3:80', true], ['[::1]:80', true], ['localhost', true], ['localhost.example', false], ['128.0.0.1', false], ['127.0.0.1.example', false], ['10.0.0.1', false]])('%s is loopback: %s', (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  }); // prettier-ignore
});
