import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { entryName } from './entry-name.ts';
import { HostDirectory } from './host-directory.ts';
import { nameProblem, staysWithin } from './hostile-entry.ts';

test('what names an entry, and what means the content of a directory', () => {
  expect(['a/b', 'a/b/', 'b'].map(entryName)).toEqual(['b', 'b', 'b']);
  expect(['/', '.', 'a/.', '..', 'a/..', ''].map(entryName)).toEqual(
    Array.from({ length: 6 }, () => undefined),
  );
});

describe('hostile entries', () => {
  test.each(['', '.', '..', 'a/b', '../x', '/etc/passwd', 'a\0b', 'x'.repeat(256)])('name %j', (name) => {
    expect(nameProblem(name)).toBeTypeOf('string');
  });

  test.each(['a', '...', '.hidden', 'a b', 'ü', '-rf', 'a\nb'])('name %j is one entry', (name) => {
    expect(nameProblem(name)).toBeUndefined();
  });

  test.each([
    ['a', 0, true],
    ['a/b', 0, true],
    ['./a', 0, true],
    ['../a', 1, true],
    ['..', 1, true],
    ['../../a', 2, true],
    ['', 0, false],
    ['..', 0, false],
    ['../a', 0, false],
    ['../../a', 1, false],
    ['/etc/passwd', 5, false],
    // The name may itself be a link, so that .. after it could lead anywhere.
    ['a/..', 3, false],
    ['a/../../x', 3, false],
    ['../a/../..', 5, false],
  ])('link to %s at depth %i', (target, depth, stays) => {
    expect(staysWithin(target, depth)).toBe(stays);
  });
});

describe('a directory of the host', () => {
  let root = '';
  let directory: HostDirectory;

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'svc-'));
    mkdirSync(join(root, 'in'));
    mkdirSync(join(root, 'out'));
    writeFileSync(join(root, 'out', 'secret'), 'secret');
    directory = await HostDirectory.open(join(root, 'in'));
  });

  afterEach(async () => {
    await directory.close();
    rmSync(root, { recursive: true, force: true });
  });

  async function* bytes(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield Buffer.from(text);
  }

  test('a file is written whole, with its permission bits and no others', async () => {
    await directory.writeFile('a', 0o4755, bytes('one', 'two'));
    expect(readFileSync(join(root, 'in', 'a'), 'utf8')).toBe('onetwo');
    expect(statSync(join(root, 'in', 'a')).mode & 0o7700).toBe(0o700);
  });

  test('a link in the place of a file is replaced, not followed', async () => {
    symlinkSync(join(root, 'out', 'secret'), join(root, 'in', 'a'));
    await directory.writeFile('a', 0o644, bytes('mine'));
    expect(readFileSync(join(root, 'out', 'secret'), 'utf8')).toBe('secret');
    expect(readFileSync(join(root, 'in', 'a'), 'utf8')).toBe('mine');
  });

  test('a link in the place of a directory is not entered', async () => {
    symlinkSync(join(root, 'out'), join(root, 'in', 'd'));
    await expect(directory.enterOrMake('d', 0o755)).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  test('a link is not read through', async () => {
    symlinkSync(join(root, 'out', 'secret'), join(root, 'in', 'a'));
    await expect(directory.openFile('a')).rejects.toMatchObject({ code: 'ELOOP' });
  });

  test('a directory that is swapped for a link after it was opened changes nothing', async () => {
    const inner = await directory.enterOrMake('d', 0o755);
    rmSync(join(root, 'in', 'd'), { recursive: true });
    symlinkSync(join(root, 'out'), join(root, 'in', 'd'));
    await expect(inner.writeFile('secret', 0o644, bytes('changed'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
    expect(readFileSync(join(root, 'out', 'secret'), 'utf8')).toBe('secret');
    await inner.close();
  });

  test('a copy that fails leaves the old file and nothing else', async () => {
    writeFileSync(join(root, 'in', 'a'), 'old');
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('guest gone');
    };
    await expect(directory.writeFile('a', 0o644, failing())).rejects.toThrow('guest gone');
    expect(readFileSync(join(root, 'in', 'a'), 'utf8')).toBe('old');
    expect((await directory.entries()).map(({ name }) => name)).toEqual(['a']);
  });

  test('links and kinds', async () => {
    await directory.link('l', 'a');
    await directory.link('l', 'b');
    expect(readlinkSync(join(root, 'in', 'l'))).toBe('b');
    expect(await directory.entries()).toEqual([{ name: 'l', kind: 'link' }]);
  });
});
