import { createHash, randomBytes } from 'node:crypto';
import { basename, dirname } from 'node:path';
import type { FileChange } from '@sovereign/core';
import { describe, expect, test, type TestContext } from 'vitest';
import { eventually } from '../eventually.ts';
import { collect, type ChannelSuite } from './channel-subject.ts';

/** Files of the guest through the channel: exact, atomic, and never outside its roots. */
export function filesContract(suite: ChannelSuite): void {
  const read = async (
    path: string,
    range?: { readonly offset?: number; readonly length?: number },
  ): Promise<Buffer> => {
    const pieces: Buffer[] = [];
    for await (const piece of suite.channel.files.read(path, range)) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  };
  const write = (path: string, text: string): Promise<unknown> =>
    suite.channel.files.write(path, Buffer.from(text));

  test('what is written is read, byte for byte, with its size and mode', async () => {
    const path = `${await suite.directory()}/bytes.bin`;
    const content = randomBytes(300_001);
    const info = await suite.channel.files.write(path, content, { mode: 0o640 });
    expect(info).toMatchObject({ name: 'bytes.bin', kind: 'file', size: content.byteLength, mode: 0o640 });
    expect((await read(path)).equals(content)).toBe(true);
    expect(await suite.channel.files.stat(path)).toMatchObject({
      kind: 'file',
      size: content.byteLength,
      links: 1,
    });
  });

  test('commands see what was written, and what commands write is read', async () => {
    const path = `${await suite.directory()}/shared.txt`;
    await write(path, 'from the host\n');
    expect((await suite.run({ command: 'cat', args: [path] })).stdout.toString()).toBe('from the host\n');
    if (!suite.has.kernel) return;
    await suite.sh(`echo 'from the guest' > '${path}'`);
    expect((await read(path)).toString()).toBe('from the guest\n');
  });

  test('32 MiB streamed in and out are the same', { timeout: 60_000 }, async () => {
    const path = `${await suite.directory()}/big.bin`;
    const piece = randomBytes(1_000_003);
    const [written, seen] = [createHash('sha256'), createHash('sha256')];
    const source = (async function* (): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 32; index++) {
        written.update(piece);
        await Promise.resolve();
        yield piece;
      }
    })();
    expect((await suite.channel.files.write(path, source)).size).toBe(32 * piece.byteLength);
    for await (const part of suite.channel.files.read(path)) seen.update(part);
    expect(seen.digest('hex')).toBe(written.digest('hex'));
  });

  test('a range is read exactly', async () => {
    const path = `${await suite.directory()}/range`;
    await write(path, '0123456789');
    expect((await read(path, { offset: 3, length: 4 })).toString()).toBe('3456');
    expect((await read(path, { offset: 8 })).toString()).toBe('89');
    expect((await read(path, { offset: 100 })).toString()).toBe('');
  });

  test('a read that is left in the middle leaves the channel in order', async () => {
    const path = `${await suite.directory()}/left`;
    await suite.channel.files.write(path, new Uint8Array(8_000_000));
    for await (const piece of suite.channel.files.read(path)) {
      expect(piece.byteLength).toBeGreaterThan(0);
      break;
    }
    expect((await suite.run({ command: 'echo', args: ['fine'] })).stdout.toString()).toBe('fine\n');
  });

  test('a write that fails in the middle leaves the old content, and no temporary neighbour', async () => {
    const directory = await suite.directory();
    await write(`${directory}/kept`, 'old');
    const failing = (async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('new');
      await Promise.resolve();
      throw new Error('the source broke');
    })();
    await expect(suite.channel.files.write(`${directory}/kept`, failing)).rejects.toThrow('the source broke');
    expect((await read(`${directory}/kept`)).toString()).toBe('old');
    await eventually(
      'the neighbour is gone',
      async () => (await suite.channel.files.list(directory)).total === 1,
    );
  });

  test('exclusive, append, parents and mode do what they say', async () => {
    const directory = await suite.directory();
    const { files } = suite.channel;
    await write(`${directory}/a`, 'one');
    await expect(
      files.write(`${directory}/a`, Buffer.from('two'), { isExclusive: true }),
    ).rejects.toMatchObject({ reason: 'file.exists' });
    await files.write(`${directory}/a`, Buffer.from('+two'), { isAppend: true });
    expect((await read(`${directory}/a`)).toString()).toBe('one+two');
    await expect(write(`${directory}/x/y/z`, 'deep')).rejects.toMatchObject({ reason: 'file.not-found' });
    await files.write(`${directory}/x/y/z`, Buffer.from('deep'), { makeParents: true });
    expect((await read(`${directory}/x/y/z`)).toString()).toBe('deep');
    await files.write(`${directory}/m`, Buffer.from('1'), { mode: 0o755 });
    await files.write(`${directory}/m`, Buffer.from('2'));
    expect((await files.stat(`${directory}/m`)).mode).toBe(0o755);
  });

  test('a listing is sorted by bytes, paged, and says how many there are', async () => {
    const directory = await suite.directory();
    const names = ['b', 'a', 'ü', 'B', '10', '9', ' lead', 'z z'];
    for (const name of names) await write(`${directory}/${name}`, name);
    const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const whole = await suite.channel.files.list(directory);
    expect(whole.entries.map(({ name }) => name)).toEqual(sorted);
    const page = await suite.channel.files.list(directory, { offset: 2, limit: 3 });
    expect(page.entries.map(({ name }) => name)).toEqual(sorted.slice(2, 5));
    expect(page.total).toBe(names.length);
  });

  test('rename, remove and directories', async () => {
    const directory = await suite.directory();
    const { files } = suite.channel;
    await write(`${directory}/from`, 'x');
    await files.rename(`${directory}/from`, `${directory}/to`);
    await expect(files.stat(`${directory}/from`)).rejects.toMatchObject({ reason: 'file.not-found' });
    await write(`${directory}/other`, 'y');
    await expect(
      files.rename(`${directory}/to`, `${directory}/other`, { isExclusive: true }),
    ).rejects.toMatchObject({ reason: 'file.exists' });
    await files.makeDirectory(`${directory}/d/e/f`, { makeParents: true });
    await write(`${directory}/d/e/f/g`, 'z');
    await expect(files.remove(`${directory}/d`)).rejects.toMatchObject({ reason: 'file.not-empty' });
    expect((await files.remove(`${directory}/d`, { isRecursive: true })).removed).toBe(4);
    await expect(files.makeDirectory(`${directory}/to`)).rejects.toMatchObject({ reason: 'file.exists' });
  });

  test('what is not there and what is of another kind have reasons of their own', async () => {
    const directory = await suite.directory();
    await write(`${directory}/file`, 'x');
    await expect(read(`${directory}/nothing`)).rejects.toMatchObject({ reason: 'file.not-found' });
    await expect(read(directory)).rejects.toMatchObject({ reason: 'file.is-directory' });
    await expect(suite.channel.files.list(`${directory}/file`)).rejects.toMatchObject({
      reason: 'file.not-directory',
    });
    await expect(suite.channel.files.remove(`${directory}/nothing`)).rejects.toMatchObject({
      reason: 'file.not-found',
    });
  });

  test('a watch reports what happens from the moment it is set', async () => {
    const directory = await suite.directory();
    const stop = new AbortController();
    const changes: FileChange[] = [];
    const watch = await suite.channel.files.watch(directory, stop.signal);
    const following = (async () => {
      for await (const change of watch) changes.push(change);
    })();
    await suite.run({ command: 'touch', args: [`${directory}/seen`] });
    await eventually('created is reported', () =>
      changes.some(({ kind, name }) => kind === 'created' && name === 'seen'),
    );
    await suite.channel.files.rename(`${directory}/seen`, `${directory}/moved`);
    await eventually('the rename is reported', () =>
      changes.some(({ kind, name }) => kind === 'renamedTo' && name === 'moved'),
    );
    await suite.channel.files.remove(`${directory}/moved`);
    await eventually('removed is reported', () =>
      changes.some(({ kind, name }) => kind === 'removed' && name === 'moved'),
    );
    stop.abort();
    await following.catch(() => undefined);
  });

  describe('the jail', () => {
    /** A file that exists outside the roots and that may be lost: a broken jail must not cost the host anything. */
    const outsideOrSkip = (context: TestContext): string => {
      const path = suite.subject.outsidePath;
      return path ?? context.skip('everything this guest sees is within its roots');
    };

    test('paths that leave the roots are refused; the twin inside works', async (context) => {
      const path = outsideOrSkip(context);
      const directory = await suite.directory();
      const up = '/..'.repeat(directory.split('/').length);
      for (const escape of [path, `${directory}${up}${path}`, `${directory}/./../..${up}${path}`]) {
        await expect(read(escape)).rejects.toMatchObject({ reason: 'file.denied' });
        await expect(suite.channel.files.stat(escape)).rejects.toMatchObject({ reason: 'file.denied' });
        await expect(write(escape, 'pwned')).rejects.toMatchObject({ reason: 'file.denied' });
        await expect(suite.channel.files.remove(escape)).rejects.toMatchObject({ reason: 'file.denied' });
      }
      await write(`${directory}/inside`, 'fine');
      await expect(suite.channel.files.rename(`${directory}/inside`, `${path}-taken`)).rejects.toMatchObject({
        reason: 'file.denied',
      });
      expect((await read(`${directory}/./inside`)).toString()).toBe('fine');
    });

    test('a link that points outside is not followed, a link within is', async (context) => {
      suite.needs(context, 'kernel');
      const path = outsideOrSkip(context);
      const directory = await suite.directory();
      await write(`${directory}/target`, 'inside');
      await suite.sh(
        `ln -s ${path} out; ln -s / root; ln -s target in; ln -s ../../../../../../../..${path} up`,
        { cwd: directory },
      );
      for (const escape of ['out', `root${path}`, 'up']) {
        await expect(read(`${directory}/${escape}`)).rejects.toMatchObject({ reason: 'file.denied' });
      }
      await expect(write(`${directory}/root${path}`, 'x')).rejects.toMatchObject({ reason: 'file.denied' });
      expect((await read(`${directory}/in`)).toString()).toBe('inside');
      expect(await suite.channel.files.stat(`${directory}/out`, { noFollow: true })).toMatchObject({
        kind: 'link',
        target: path,
      });
    });

    test(
      'a directory swapped with a link while it is used never leads outside',
      { timeout: 30_000 },
      async (context) => {
        suite.needs(context, 'kernel');
        const path = outsideOrSkip(context);
        const [directory, name] = [await suite.directory(), basename(path)];
        const swapping = suite.start({
          command: 'sh',
          args: [
            '-c',
            `mkdir real; echo inside > real/${name}; ln -s ${dirname(path)} link; while :; do mv -T real d; mv -T d real; mv -T link d; mv -T d link; done`,
          ],
          cwd: directory,
        });
        const ended = collect(swapping);
        await swapping.started;
        const seen = new Set<string>();
        for (let index = 0; index < 2_000; index++) {
          const content = await read(`${directory}/d/${name}`).then(
            String,
            (error: unknown) => (error as { reason: string }).reason,
          );
          seen.add(content);
        }
        await swapping.kill();
        await ended;
        expect(
          [...seen].filter((each) => !['inside\n', 'file.not-found', 'file.denied'].includes(each)),
        ).toEqual([]);
      },
    );

    test('awkward names are names', async () => {
      const directory = await suite.directory();
      for (const name of ['…', 'new\nline', '-rf', '*', 'a'.repeat(255), '\u202ergb.exe', '..hidden']) {
        await write(`${directory}/${name}`, name);
        expect((await read(`${directory}/${name}`)).toString()).toBe(name);
      }
      await expect(write(`${directory}/a\0b`, 'x')).rejects.toMatchObject({ reason: 'argument.invalid' });
    });
  });
}
