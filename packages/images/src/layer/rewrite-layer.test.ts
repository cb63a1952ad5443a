import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../tar/byte-reader.ts';
import { TarReader } from '../tar/read-tar.ts';
import { paddingOf, type TarEntry } from '../tar/tar-entry.ts';
import { collected, inPieces, rawTar, type RawEntry } from '../tar/tar-for-test.ts';
import { defaultLayerLimits, LayerMeter, type LayerLimits } from './layer-limits.ts';
import { rewriteLayer } from './rewrite-layer.ts';

const corrupt = expect.objectContaining({ reason: 'image.corrupt' });
const tooLarge = expect.objectContaining({ reason: 'image.too-large' });

async function rewritten(
  entries: readonly RawEntry[],
  limits: Partial<LayerLimits> = {},
): Promise<(TarEntry & { data: string })[]> {
  const meter = new LayerMeter({ ...defaultLayerLimits, ...limits }, tmpdir());
  const bytes = await collected(rewriteLayer(inPieces(rawTar(entries)), meter));
  const reader = new ByteReader(inPieces(bytes));
  const tar = new TarReader(reader);
  const found: (TarEntry & { data: string })[] = [];
  for (;;) {
    const entry = await tar.next();
    if (entry === undefined) return found;
    const data = (await reader.exactly(entry.size)).toString();
    await reader.exactly(paddingOf(entry.size));
    found.push({ ...entry, data });
  }
}

const names = (entries: readonly TarEntry[]): string[] => entries.map(({ name }) => name);

describe('a layer that is rewritten', () => {
  test('keeps files, links and owners, and spells missing parents out', async () => {
    const found = await rewritten([
      { name: './', type: '5', mode: 0o750 },
      { name: '/a/b/file', content: 'x', mode: 0o4755 },
      { name: 'a/hard', type: '1', link: './a/b/file' },
      { name: 'a/soft', type: '2', link: '/etc/passwd' },
    ]);
    expect(names(found)).toEqual(['./', 'a/', 'a/b/', 'a/b/file', 'a/hard', 'a/soft']);
    expect(found[0]?.mode).toBe(0o750);
    expect(found[3]).toMatchObject({ data: 'x', mode: 0o4755 });
    expect(found[4]).toMatchObject({ type: 'hardLink', linkName: 'a/b/file' });
    expect(found[5]).toMatchObject({ type: 'symlink', linkName: '/etc/passwd' });
  });

  test.each<[string, readonly RawEntry[]]>([
    ['a name with ..', [{ name: '../evil', content: 'x' }]],
    ['.. in the middle', [{ name: 'a/../../evil', content: 'x' }]],
    ['a pax path with ..', [{ name: 'a', content: 'x', pax: { path: '../evil' } }]],
    ['a name with a NUL', [{ name: 'a', content: 'x', pax: { path: 'a\0b' } }]],
    ['a hard link out', [{ name: 'a', type: '1', link: '../../etc/shadow' }]],
    ['a hard link to what the layer does not have', [{ name: 'a', type: '1', link: '/etc/shadow' }]],
    ['a hard link to a directory', [{ name: 'd', type: '5' }, { name: 'a', type: '1', link: 'd' }]],
    ['a hard link to itself', [{ name: 'a', content: '' }, { name: 'a', type: '1', link: 'a' }]],
    ['a whiteout of ..', [{ name: 'd/.wh...' }]],
    ['a whiteout of nothing', [{ name: 'd/.wh.' }]],
    ['links in a circle', [{ name: 'a', type: '2', link: 'b' }, { name: 'b', type: '2', link: 'a' }, { name: 'a/x' }]],
    ['a root that is a link', [{ name: './', type: '2', link: '/etc' }]],
    ['a full directory that becomes a file', [{ name: 'd/f' }, { name: 'd', content: 'x' }]],
    ['a link without a target', [{ name: 'a', type: '2' }]],
    ['data that is missing', [{ name: 'a', size: 1 << 20 }]],
  ])('%s is refused', async (_what, entries) => {
    await expect(rewritten(entries)).rejects.toThrow(corrupt);
  }); // prettier-ignore

  test('a file through a link lands where a chroot would have it', async () => {
    const found = await rewritten([
      { name: 'lib', type: '2', link: '/usr/lib' },
      { name: 'lib/file', content: 'x' },
      { name: 'out', type: '2', link: '../../../../etc' },
      { name: 'out/passwd', content: 'y' },
    ]);
    expect(names(found)).toEqual(['lib', 'usr/', 'usr/lib/', 'usr/lib/file', 'out', 'etc/', 'etc/passwd']);
  });

  test('devices are left out, fifos are not', async () => {
    const found = await rewritten([
      { name: 'null', type: '3' },
      { name: 'disk', type: '4' },
      { name: 'pipe', type: '6' },
    ]);
    expect(names(found)).toEqual(['pipe']);
  });

  test('whiteouts become devices 0/0, whatever their place in the archive', async () => {
    const found = await rewritten([
      { name: 'etc/', type: '5' },
      { name: 'etc/.wh.gone' },
      { name: '.wh.both' },
      { name: 'both', content: 'x' },
      { name: '.wh.dir' },
      { name: 'dir/', type: '5', mode: 0o700 },
      { name: 'dir/new', content: 'y' },
      { name: 'dir/.wh..wh..opq' },
      { name: '.wh..wh.plnk/', type: '5' },
    ]);
    const whiteouts = found.filter(({ type }) => type === 'characterDevice');
    expect(whiteouts).toMatchObject([{ name: 'etc/gone', device: { major: 0, minor: 0 } }]);
    const opaque = found.filter(({ xattrs }) => xattrs.has('user.overlay.opaque'));
    expect(opaque).toMatchObject([{ name: 'dir/', mode: 0o700 }]);
    expect(names(found)).not.toContain('.wh..wh.plnk/');
  });

  test('attributes that steer the overlay or the host are dropped', async () => {
    const pax = {
      'SCHILY.xattr.user.mine': 'kept',
      'SCHILY.xattr.security.capability': 'cap',
      'SCHILY.xattr.user.overlay.redirect': '/etc',
      'SCHILY.xattr.trusted.overlay.opaque': 'y',
      'SCHILY.xattr.security.selinux': 's',
      'SCHILY.xattr.system.posix_acl_access': 'a',
    };
    const found = await rewritten([
      { name: 'file', content: 'x', pax },
      { name: 'dir', type: '5', pax },
    ]);
    expect(found.map(({ xattrs }) => [...xattrs.keys()].sort())).toEqual([
      ['security.capability', 'user.mine'],
      ['user.mine'],
    ]);
  });

  test('limits hold for bytes, entries and the disk', async () => {
    const big = [{ name: 'a', content: 'x'.repeat(1_000) }];
    await expect(rewritten(big, { maxLayerBytes: 999 })).rejects.toThrow(tooLarge);
    expect(await rewritten(big, { maxLayerBytes: 1_000 })).toHaveLength(1);
    const deep = [{ name: 'a/b/c/d', content: '' }];
    await expect(rewritten(deep, { maxLayerEntries: 3 })).rejects.toThrow(tooLarge);
    expect(await rewritten(deep, { maxLayerEntries: 4 })).toHaveLength(4);
    await expect(rewritten(big, { reservedDiskBytes: Number.MAX_SAFE_INTEGER })).rejects.toThrow(tooLarge);
  });
});
