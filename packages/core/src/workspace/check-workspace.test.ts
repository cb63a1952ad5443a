import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkWorkspace } from './check-workspace.ts';

const uid = process.getuid?.() ?? 0;
let root = '';
let home = '';
const at = (...parts: string[]): string => join(root, ...parts);

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'workspace-'));
  home = at('home', 'me');
  for (const name of [
    'project/inner',
    'open',
    'home/me/project',
    'home/me/.ssh',
    'home/me/.config/app',
    'state/ledger',
  ])
    mkdirSync(at(name), { recursive: true });
  chmodSync(at('open'), 0o777);
  writeFileSync(at('file'), '');
  symlinkSync('/etc', at('to-etc'));
  symlinkSync(at('project'), at('to-project'));
  symlinkSync(at('nowhere'), at('dangling'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const check = (path: string, more = {}): string =>
  checkWorkspace(path, { uid, home, protectedPaths: [at('state')], ...more });
const refused = (what = ''): unknown =>
  expect.objectContaining({
    reason: 'workspace.refused',
    message: expect.stringContaining(what),
    hint: expect.stringMatching(/./),
  });

describe('accepted', () => {
  test.each(['project', 'project/inner', 'home/me/project'])('%s', (name) => {
    expect(check(at(name))).toBe(at(name));
  });

  test('a link to an accepted directory, by its canonical path', () => {
    expect(check(at('to-project'))).toBe(at('project'));
    expect(check(`${at('project')}/../project/`)).toBe(at('project'));
  });

  test('a directory below /var/tmp', () => {
    const made = mkdtempSync('/var/tmp/workspace-');
    expect(check(made)).toBe(made);
    rmSync(made, { recursive: true });
  });
});

describe('refused', () => {
  test.each([
    '/', '/usr', '/usr/local/lib', '/etc', '/etc/ssl', '/bin', '/sbin', '/lib', '/boot', '/dev', '/dev/shm', '/proc', '/proc/self/fd',
    '/proc/self/root', '/sys', '/run', '/var', '/var/lib', '/var/run', '/tmp', '/var/tmp', '/home', '/opt', '/srv',
  ])('%s', (path) => {
    expect(() => check(path)).toThrow(refused());
  }); // prettier-ignore

  test('what leads to a system directory', () => {
    expect(() => check(at('to-etc'))).toThrow(refused('system'));
    expect(() => check(`${at('project')}/../../../../../../etc`)).toThrow(refused('system'));
  });

  test('what is missing, a file, a relative path, a NUL', () => {
    expect(() => check(at('nowhere'))).toThrow(refused('does not exist'));
    expect(() => check(at('dangling'))).toThrow(refused('does not exist'));
    expect(() => check(at('file'))).toThrow(refused('not a directory'));
    expect(() => check('project')).toThrow(refused('absolute'));
    expect(() => check(`${at('project')}\0`)).toThrow(refused('absolute'));
  });

  test('a home, what holds it, and its hidden directories', () => {
    expect(() => check(home)).toThrow(refused('home'));
    expect(() => check(at('home'))).toThrow(refused('home'));
    expect(() => check(root)).toThrow(refused('home'));
    expect(() => check(at('home/me/.ssh'))).toThrow(refused('hidden'));
    expect(() => check(at('home/me/.config/app'))).toThrow(refused('hidden'));
  });

  test('our own state, and what holds it', () => {
    expect(() => check(at('state'))).toThrow(refused('state of sovereign'));
    expect(() => check(at('state/ledger'))).toThrow(refused('state of sovereign'));
    expect(() => check(root, { home: '/nonexistent' })).toThrow(refused('state of sovereign'));
  });

  test('what everybody can write', () => {
    expect(() => check(at('open'))).toThrow(refused('everybody'));
  });

  test.skipIf(uid !== 0)('what another user owns, for root too, unless that is allowed (needs root)', () => {
    mkdirSync(at('theirs'));
    chownSync(at('theirs'), 12_345, 12_345);
    expect(() => check(at('theirs'))).toThrow(refused('owned by uid 12345'));
    expect(check(at('theirs'), { allowOtherOwner: true })).toBe(at('theirs'));
    expect(() => check(at('project'), { uid: 12_345 })).toThrow(refused('owned by uid 0'));
  });
});
