import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { SovereignError } from '@sovereign/protocol';
import { describe, expect, test } from 'vitest';
import { ByteReader } from './byte-reader.ts';
import { TarReader } from './read-tar.ts';
import { paddingOf, type TarEntry, type TarType } from './tar-entry.ts';
import { inPieces, rawHeader, rawTar } from './tar-for-test.ts';
import { blankEntry, tarEnd, tarHeader } from './write-tar.ts';

async function entriesOf(bytes: Uint8Array, pieces?: number): Promise<{ entry: TarEntry; data: Buffer }[]> {
  const reader = new ByteReader(inPieces(bytes, pieces));
  const tar = new TarReader(reader);
  const found: { entry: TarEntry; data: Buffer }[] = [];
  for (;;) {
    const entry = await tar.next();
    if (entry === undefined) return found;
    const data = Buffer.from(await reader.exactly(Math.min(entry.size, 1 << 20)));
    await reader.exactly(paddingOf(entry.size));
    found.push({ entry, data });
  }
}

describe('archives of GNU tar', () => {
  test.each(['gnu', 'oldgnu', 'pax', 'posix'])(
    'format %s: long names, links, sparse files',
    async (format) => {
      const root = mkdtempSync(join(tmpdir(), 'rt-'));
      try {
        const long = `${'d'.repeat(90)}/${'n'.repeat(200)}`;
        mkdirSync(join(root, 'in', 'd'.repeat(90)), { recursive: true });
        writeFileSync(join(root, 'in', long), 'long');
        symlinkSync('t'.repeat(150), join(root, 'in', 'link'));
        writeFileSync(join(root, 'in', 'sparse'), 'start');
        truncateSync(join(root, 'in', 'sparse'), 10_000_000);
        writeFileSync(join(root, 'in', 'sparse'), 'end', { flag: 'a' });
        linkSync(join(root, 'in', long), join(root, 'in', 'hard'));
        const archive = execFileSync(
          'tar',
          ['-c', '-S', '--sort=name', `--format=${format}`, '-C', join(root, 'in'), '.'],
          { maxBuffer: 1 << 26 },
        );
        const found = new Map((await entriesOf(archive)).map((one) => [one.entry.name, one] as const));
        expect(found.get(`./${long}`)?.data.toString()).toBe('long');
        expect(found.get('./hard')?.entry).toMatchObject({
          type: 'hardLink',
          linkName: `./${long}`,
          size: 0,
        });
        expect(found.get('./link')?.entry).toMatchObject({ type: 'symlink', linkName: 't'.repeat(150) });
        const sparse = found.get('./sparse');
        expect(sparse?.entry.sparse?.realSize).toBe(10_000_003);
        expect(sparse?.data.includes('start')).toBe(true);
        expect(sparse?.data.includes('end')).toBe(true);
        expect(sparse?.entry.size).toBeLessThan(100_000);
      } finally {
        rmSync(root, { recursive: true, force: true });
      }
    },
  );
});

describe('what we write', () => {
  const byteText = (least: number, most: number) =>
    fc
      .uint8Array({ min: 1, max: 255, minLength: least, maxLength: most })
      .map((bytes) => Buffer.from(bytes).toString('latin1'));
  const entry: fc.Arbitrary<TarEntry> = fc.record({
    name: byteText(1, 300),
    type: fc.constantFrom<TarType>('file', 'hardLink', 'symlink', 'directory', 'fifo', 'characterDevice'),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 2 ** 32 }),
    gid: fc.integer({ min: 0, max: 2 ** 32 }),
    mtime: fc.integer({ min: 0, max: 2 ** 34 }),
    linkName: byteText(0, 300),
    device: fc.record({ major: fc.integer({ min: 0, max: 4_095 }), minor: fc.integer({ min: 0, max: 255 }) }),
    xattrs: fc
      .array(fc.tuple(fc.stringMatching(/^user\.[a-z]{1,20}$/), fc.uint8Array({ maxLength: 100 })))
      .map((pairs) => new Map(pairs.map(([key, value]) => [key, Buffer.from(value)]))),
    size: fc.constant(0),
    sparse: fc.constant(undefined),
  });

  test('is read as it was, in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 5 }),
        fc.integer({ min: 1, max: 5_000 }),
        async (entries, pieces) => {
          const plain = entries.map((one) => ({ ...one, name: one.name.replaceAll('/', '_') }));
          const found = await entriesOf(Buffer.concat([...plain.map(tarHeader), tarEnd]), pieces);
          expect(found.map((one) => one.entry)).toEqual(
            plain.map((one) => ({ ...one, name: one.type === 'directory' ? `${one.name}/` : one.name })),
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  test('a sparse file keeps its map', async () => {
    const sparse = { realSize: 2 ** 40, segments: [{ offset: 0, length: 3 }, { offset: 4_096, length: 5 }] }; // prettier-ignore
    const own = { ...blankEntry, name: 'f', type: 'file' as const, size: 8, sparse };
    const { sparsePreamble } = await import('./write-tar.ts');
    const bytes = Buffer.concat([
      tarHeader(own),
      sparsePreamble(own),
      Buffer.from('abcdefgh'),
      Buffer.alloc(504),
      tarEnd,
    ]);
    const [found] = await entriesOf(bytes);
    expect(found?.entry).toMatchObject({ name: 'f', size: 8, sparse });
    expect(found?.data.toString()).toBe('abcdefgh');
  });
});

describe('damaged archives', () => {
  const corrupt = expect.objectContaining({ reason: 'image.corrupt' });

  test.each([
    ['a checksum that is wrong', Buffer.concat([rawHeader({ name: 'a' }).fill('b', 0, 1), Buffer.alloc(1024)])],
    ['a header cut short', rawHeader({ name: 'a' }).subarray(0, 200)],
    ['an unknown type', rawTar([{ name: 'a', type: 'Z' }])],
    ['a pax header of a gigabyte', rawTar([{ name: 'a', type: 'x', size: 1 << 30 }])],
    ['a pax record that is longer than its header', rawTar([{ name: 'a', type: 'x', content: '99 path=b\n' }, { name: 'a' }])],
    ['a pax size that is no number', rawTar([{ name: 'a', pax: { size: '-1' } }])],
    ['a sparse map that leaves the file', rawTar([{ name: 'a', content: 'x', pax: { 'GNU.sparse.map': '5,1', 'GNU.sparse.size': '5' } }])],
    ['a sparse map that does not fit', rawTar([{ name: 'a', content: 'xyz', pax: { 'GNU.sparse.map': '0,1', 'GNU.sparse.size': '5' } }])],
    ['a sparse map without end', rawTar([{ name: 'a', content: '9'.repeat(512), pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '5' } }])],
  ])('%s', async (_what, bytes) => {
    await expect(entriesOf(bytes)).rejects.toThrow(corrupt);
  }); // prettier-ignore

  test('any change of an archive is read or refused, never more than that', async () => {
    const archive = rawTar([
      { name: 'd/', type: '5' },
      { name: 'd/file', content: 'content', pax: { 'SCHILY.xattr.user.a': 'b', mtime: '1.5' } },
      { name: 'long', type: 'L', content: 'n'.repeat(120) },
      { name: 'x', content: 'y' },
      { name: 's', content: 'x', pax: { 'GNU.sparse.map': '0,1', 'GNU.sparse.size': '5' } },
    ]);
    const changes = fc.array(fc.tuple(fc.nat(archive.byteLength - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(changes, fc.boolean(), async (pairs, isResealed) => {
        const bytes = Buffer.from(archive);
        for (const [at, value] of pairs) bytes[at] = value;
        if (isResealed) reseal(bytes);
        await entriesOf(bytes).catch((error: unknown) => {
          expect(error).toBeInstanceOf(SovereignError);
        });
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Corrects the checksum of every block, so that changes get past it. */
function reseal(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.byteLength; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (!block.toString('latin1', 257, 262).startsWith('ustar')) continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  }
}
