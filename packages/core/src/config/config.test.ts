import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { preparePrivateDirectory } from './private-directory.ts';
import { statePaths } from './state-paths.ts';
import { loadUserConfig, parseUserConfig } from './user-config.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'config-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('user configuration', () => {
  const refused = expect.objectContaining({ reason: 'config.invalid' });

  test('what is known is read', () => {
    const text =
      '{"tierOrder":["container","process"],"insecure":{"allow":["shell"]},"ledger":{"fsync":"intent"}}';
    expect(parseUserConfig(text, 'f')).toEqual({
      tierOrder: ['container', 'process'],
      insecure: { allow: ['shell'] },
      ledger: { fsync: 'intent' },
    });
    const registries = {
      'docker.io': { mirrors: ['https://mirror.example/hub'] },
      'host.example:5000': { isInsecure: true },
    };
    const images = { maxLayerBytes: 1_000 };
    expect(parseUserConfig(JSON.stringify({ registries, images }), 'f')).toEqual({ registries, images });
    expect(parseUserConfig('{}', 'f')).toEqual({});
    expect(parseUserConfig('{"tierOrder":[]}', 'f')).toEqual({ tierOrder: [] });
  });

  test.each([
    '', 'null', '[]', '{', '{"tierorder":[]}', '{"__proto__":{"insecure":{}}}', '{"tierOrder":"container"}', '{"tierOrder":["strong"]}',
    '{"tierOrder":["process","process"]}', '{"insecure":{"allow":["all"]}}', '{"insecure":{"enabled":true}}', '{"insecure":null}',
    '{"ledger":{"fsync":true}}', '{"registries":[]}', '{"registries":{"a/b":{}}}', '{"registries":{"a":{"mirror":[]}}}',
    '{"registries":{"a":{"mirrors":["ftp://x"]}}}', '{"registries":{"a":{"mirrors":["https://user@x"]}}}', '{"registries":{"a":{"isInsecure":1}}}',
    '{"images":{"maxLayerBytes":0}}', '{"images":{"maxLayerBytes":"1"}}', `{"tierOrder":${'['.repeat(9)}${']'.repeat(9)}}`, `{"tierOrder":[]${' '.repeat(70_000)}}`,
  ])('%.60j is refused', (text) => {
    expect(() => parseUserConfig(text, 'f')).toThrow(refused);
  }); // prettier-ignore

  test('a missing file is an empty configuration, one that others can write is refused', () => {
    const path = join(root, 'config.json');
    expect(loadUserConfig(path)).toEqual({});
    writeFileSync(path, '{"insecure":{"allow":["shell"]}}', { mode: 0o600 });
    expect(loadUserConfig(path)).toEqual({ insecure: { allow: ['shell'] } });
    for (const mode of [0o620, 0o602]) {
      chmodSync(path, mode);
      expect(() => loadUserConfig(path)).toThrow(refused);
    }
    expect(() => loadUserConfig(root)).toThrow(refused);
  });

  test.skipIf(process.getuid?.() !== 0)('one that another user owns is refused (needs root)', () => {
    const path = join(root, 'config.json');
    writeFileSync(path, '{}', { mode: 0o600 });
    chownSync(path, 12_345, 12_345);
    expect(() => loadUserConfig(path)).toThrow(refused);
  });
});

describe('private directories', () => {
  const refused = expect.objectContaining({ reason: 'state.refused' });

  test('are made and closed to others', () => {
    const path = join(root, 'a', 'b');
    preparePrivateDirectory(path);
    chmodSync(path, 0o755);
    preparePrivateDirectory(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  test('a link in their place is refused', () => {
    mkdirSync(join(root, 'real'));
    symlinkSync(join(root, 'real'), join(root, 'link'));
    expect(() => preparePrivateDirectory(join(root, 'link'))).toThrow(refused);
  });

  test.skipIf(process.getuid?.() !== 0)('the directory of another user is refused (needs root)', () => {
    mkdirSync(join(root, 'theirs'));
    chownSync(join(root, 'theirs'), 12_345, 12_345);
    expect(() => preparePrivateDirectory(join(root, 'theirs'))).toThrow(refused);
  });
});

describe('state paths', () => {
  const base = { home: '/home/me', uid: 1000 };

  test('follow the XDG base directories', () => {
    expect(statePaths({ ...base, env: {} })).toEqual({
      stateDir: '/home/me/.local/share/sovereign/state',
      ledgerDir: '/home/me/.local/share/sovereign/ledger',
      imagesDir: '/home/me/.local/share/sovereign/images',
      runtimeDir: '/tmp/sovereign-1000',
      configFile: '/home/me/.config/sovereign/config.json',
    });
    const env = { XDG_DATA_HOME: '/d', XDG_CONFIG_HOME: 'relative', XDG_RUNTIME_DIR: '/run/user/1000' };
    expect(statePaths({ ...base, env })).toMatchObject({
      stateDir: '/d/sovereign/state',
      runtimeDir: '/run/user/1000/sovereign',
      configFile: '/home/me/.config/sovereign/config.json',
    });
  });

  test('SOVEREIGN_HOME holds everything', () => {
    expect(
      Object.values(statePaths({ ...base, env: { SOVEREIGN_HOME: '/s', XDG_DATA_HOME: '/d' } })),
    ).toEqual(['/s/state', '/s/ledger', '/s/images', '/s/run', '/s/config.json']);
    expect(() => statePaths({ ...base, env: { SOVEREIGN_HOME: 's' } })).toThrow(
      expect.objectContaining({ reason: 'argument.invalid' }),
    );
  });
});
