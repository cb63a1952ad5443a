import { tmpdir } from 'node:os';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { defaultLayerLimits, type LayerLimits } from '../layer/layer-limits.ts';
import { ByteReader } from '../tar/byte-reader.ts';
import { TarReader } from '../tar/read-tar.ts';
import { paddingOf, type TarEntry } from '../tar/tar-entry.ts';
import { collected, inPieces, rawTar, type RawEntry } from '../tar/tar-for-test.ts';
import { flattenLayers, type FlattenedLayer } from './flatten-layers.ts';

type Read = TarEntry & { readonly data: string };
const corrupt = expect.objectContaining({ reason: 'image.corrupt' });
const tooLarge = expect.objectContaining({ reason: 'image.too-large' });

function layerOf(entries: readonly RawEntry[]): FlattenedLayer {
  return { open: () => inPieces(rawTar(entries)) };
}

function flatten(layers: readonly FlattenedLayer[], limits: Partial<LayerLimits> = {}): Promise<Buffer> {
  return collected(
    flattenLayers({ layers, limits: { ...defaultLayerLimits, ...limits }, directory: tmpdir() }),
  );
}

async function flattened(...layers: readonly (readonly RawEntry[])[]): Promise<Map<string, Read>> {
  const reader = new ByteReader(inPieces(await flatten(layers.map(layerOf))));
  const tar = new TarReader(reader);
  const found = new Map<string, Read>();
  for (;;) {
    const entry = await tar.next();
    if (entry === undefined) return found;
    const data = (await reader.exactly(entry.size)).toString();
    await reader.exactly(paddingOf(entry.size));
    expect(found.has(entry.name)).toBe(false);
    found.set(entry.name, { ...entry, data });
  }
}

const dir = (name: string, mode = 0o755): RawEntry => ({ name, type: '5', mode });
const file = (name: string, content = name, mode = 0o644): RawEntry => ({ name, content, mode });

describe('layers that are laid over each other', () => {
  test('the upper of two names decides, and directories merge', async () => {
    const found = await flattened(
      [dir('etc'), file('etc/one', 'low'), file('etc/two', 'low')],
      [dir('etc', 0o700), file('etc/two', 'high', 0o4755), file('etc/three')],
    );
    expect([...found.keys()].sort()).toEqual(['./', 'etc/', 'etc/one', 'etc/three', 'etc/two']);
    expect(found.get('etc/')).toMatchObject({ mode: 0o700 });
    expect(found.get('etc/one')).toMatchObject({ data: 'low' });
    expect(found.get('etc/two')).toMatchObject({ data: 'high', mode: 0o4755 });
  });

  test('a whiteout takes away a file, and a directory with all that is in it', async () => {
    const found = await flattened(
      [dir('a'), file('a/f'), dir('a/b'), file('a/b/c'), file('kept')],
      [file('.wh.a'), file('.wh.never-there')],
    );
    expect([...found.keys()]).toEqual(['./', 'kept']);
  });

  test('what is taken away and made again is new', async () => {
    const found = await flattened(
      [dir('a'), file('a/old'), file('b', 'low')],
      [file('.wh.a'), dir('a'), file('a/new'), file('b', 'high'), file('.wh.b')],
    );
    expect([...found.keys()]).toEqual(['./', 'a/', 'a/new', 'b']);
    expect(found.get('b')).toMatchObject({ data: 'high' });
  });

  test('an opaque directory hides what is below it and not what its own layer has, in any order', async () => {
    const low = [dir('a'), file('a/old'), dir('a/deep'), file('a/deep/old'), dir('c'), file('c/f')];
    const marker = file('a/.wh..wh..opq');
    for (const high of [
      [dir('a'), marker, file('a/new')],
      [dir('a'), file('a/new'), marker],
    ]) {
      const found = await flattened(low, high);
      expect([...found.keys()].sort()).toEqual(['./', 'a/', 'a/new', 'c/', 'c/f']);
      expect(found.get('a/')?.xattrs.size).toBe(0);
    }
  });

  test('a directory that becomes a file loses what was in it, and the other way round', async () => {
    const found = await flattened(
      [dir('a'), file('a/f'), file('b')],
      [file('a', 'now a file'), dir('b'), file('b/f')],
      [dir('a'), file('a/g')],
    );
    expect([...found.keys()].sort()).toEqual(['./', 'a/', 'a/g', 'b/', 'b/f']);
  });

  test('hard links keep the data when the name that has it is replaced or taken away above', async () => {
    const low = [
      file('one', 'shared', 0o600),
      { name: 'three', type: '1', link: 'one' },
      { name: 'two', type: '1', link: 'three' },
    ];
    const gone = await flattened(low, [file('.wh.one')]);
    expect(gone.get('three')).toMatchObject({ type: 'file', data: 'shared', mode: 0o600 });
    expect(gone.get('two')).toMatchObject({ type: 'hardLink', linkName: 'three' });
    const replaced = await flattened(low, [file('one', 'other')]);
    expect(replaced.get('one')).toMatchObject({ data: 'other' });
    expect(replaced.get('three')).toMatchObject({ data: 'shared' });
    // Within one layer too: a link is to what had the name when it came.
    const within = await flattened([...low, file('one', 'later')]);
    expect(within.get('one')).toMatchObject({ data: 'later' });
    expect(within.get('three')).toMatchObject({ type: 'file', data: 'shared' });
  });

  test('a link is not followed into a lower layer', async () => {
    const found = await flattened(
      [dir('usr'), dir('usr/lib'), { name: 'lib', type: '2', link: 'usr/lib' }],
      [{ name: 'lib', type: '2', link: '/etc' }, dir('etc')],
    );
    expect(found.get('lib')).toMatchObject({ type: 'symlink', linkName: '/etc' });
    expect([...found.keys()]).not.toContain('etc/lib');
  });

  test('owners, times, attributes and links survive; devices and what steers an overlay do not', async () => {
    const xattr = { 'SCHILY.xattr.user.a': '1', 'SCHILY.xattr.user.overlay.metacopy': 'y' };
    const found = await flattened([
      { name: 'f', content: 'x', pax: { ...xattr, uid: '70000', mtime: '12.5' } },
      { name: 'd', type: '5', pax: xattr },
      { name: 'dev', type: '3' },
      { name: 'p', type: '6' },
    ]);
    expect([...found.keys()].sort()).toEqual(['./', 'd/', 'f', 'p']);
    expect(found.get('f')).toMatchObject({ uid: 70_000, mtime: 12.5 });
    for (const name of ['f', 'd/']) expect([...(found.get(name)?.xattrs.keys() ?? [])]).toEqual(['user.a']);
  });

  test('the same layers give the same bytes, compressed or not; no layers give an empty root', async () => {
    const tar = rawTar([dir('z'), file('z/f'), file('a')]);
    const plain = await flatten([{ open: () => inPieces(tar) }]);
    expect((await flatten([{ open: () => inPieces(gzipSync(tar), 7) }])).equals(plain)).toBe(true);
    expect([...(await flattened()).keys()]).toEqual(['./']);
  });
});

describe('hostile layers', () => {
  test.each<[string, readonly RawEntry[]]>([
    ['a name that leaves the root', [file('../evil')]],
    ['a hard link out', [{ name: 'a', type: '1', link: '../../etc/shadow' }]],
    ['a hard link to a name of the layer below', [{ name: 'a', type: '1', link: 'low' }]],
    ['a whiteout of ..', [file('d/.wh...')]],
    ['data that is missing', [{ name: 'a', size: 1 << 20 }]],
  ])('%s is refused', async (_what, entries) => {
    await expect(flatten([layerOf([file('low')]), layerOf(entries)])).rejects.toThrow(corrupt);
  });

  test('a layer with another digest than the image says is refused before anything is written', async () => {
    const tar = rawTar([file('a')]);
    const right = `sha256:${createHash('sha256').update(tar).digest('hex')}`;
    const open = (): AsyncIterable<Uint8Array> => inPieces(tar);
    expect((await flatten([{ open, diffId: right }])).byteLength).toBeGreaterThan(0);
    const wrong = `sha256:${'0'.repeat(64)}`;
    const stream = flattenLayers({
      layers: [{ open, diffId: wrong }],
      limits: defaultLayerLimits,
      directory: tmpdir(),
    });
    await expect(stream.next()).rejects.toThrow(corrupt);
  });

  test('limits hold for all layers together', async () => {
    const layers = [layerOf([file('a', 'x'.repeat(600))]), layerOf([file('b', 'x'.repeat(600))])];
    await expect(flatten(layers, { maxLayerBytes: 1_000 })).rejects.toThrow(tooLarge);
    await expect(flatten(layers, { maxLayerEntries: 1 })).rejects.toThrow(tooLarge);
    expect((await flatten(layers, { maxLayerBytes: 10_000, maxLayerEntries: 2 })).byteLength).toBeGreaterThan(
      0,
    );
  });

  test('two thousand directories in each other are no trouble', async () => {
    const deep = 'd/'.repeat(2_000);
    const found = await flattened([{ name: 'x', content: 'deep', pax: { path: `${deep}f` } }]);
    expect(found.get(`${deep}f`)).toMatchObject({ data: 'deep' });
  });
});
