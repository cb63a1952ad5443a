import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LayeredImages } from './layered-images.ts';
import { createImageLibrary } from './oci-image-library.ts';
import { collected, inPieces, rawTar, type RawEntry } from './tar/tar-for-test.ts';
import { hostUnpacker } from './unpacker-for-test.ts';

let root = '';
let library: LayeredImages;

const open = (name = 'library'): LayeredImages =>
  createImageLibrary({ directory: join(root, name), unpacker: hostUnpacker() });
const layer = (entries: readonly RawEntry[]): AsyncIterable<Uint8Array> => inPieces(rawTar(entries));
const base = (text = 'one'): AsyncIterable<Uint8Array> => layer([{ name: 'etc/', type: '5' }, { name: 'etc/name', content: text }]); // prettier-ignore
const reason = (name: string): unknown => expect.objectContaining({ reason: name });
const files = (...names: readonly string[]): string[] => readdirSync(join(root, 'library', ...names)).sort();

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'il-'));
  library = open();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('a library', () => {
  test('that was never written to is empty, and stays unmade', async () => {
    expect(await library.list()).toEqual([]);
    expect(await library.leftovers(() => false)).toEqual([]);
    await expect(library.inspect('alpine')).rejects.toThrow(reason('image.not-found'));
    await expect(library.remove('alpine')).rejects.toThrow(reason('image.not-found'));
    expect(existsSync(join(root, 'library'))).toBe(false);
  });

  test('imports a root file system, and finds it by each of its names', async () => {
    const made = await library.import(base(), {
      reference: 'app',
      config: { env: { A: 'b=c' }, command: ['sh'], exposedPorts: ['80/tcp'] },
    });
    expect(made).toMatchObject({
      references: ['docker.io/library/app:latest'],
      config: { env: { A: 'b=c' }, command: ['sh'], exposedPorts: ['80/tcp'] },
    });
    await library.tag('app', 'registry.example/other:2');
    for (const name of [
      'app',
      'docker.io/library/app:latest',
      'registry.example/other:2',
      made.digest,
      made.id,
      `app@${made.digest}`,
    ]) {
      expect(await open().inspect(name)).toMatchObject({
        digest: made.digest,
        references: ['docker.io/library/app:latest', 'registry.example/other:2'],
      });
    }
    await expect(library.inspect(`elsewhere@${made.digest}`)).rejects.toThrow(reason('image.not-found'));
    await expect(library.tag('app', '../x')).rejects.toThrow(reason('image.invalid'));
    expect(await library.list()).toHaveLength(1);
  });

  test('shares layers, whoever brings them, and stores one compressed and plain', async () => {
    await library.import(base(), { reference: 'a' });
    await library.import(inPieces(gzipSync(await collected(base()))), { reference: 'b' });
    expect((await library.list()).map(({ config }) => config.env)).toEqual([{}, {}]);
    expect(files('layers')).toHaveLength(2);
  });

  test('adds a layer: the base stays, members of its configuration are replaced', async () => {
    const below = await library.import(base(), { reference: 'a', config: { env: { A: '1' }, user: 'me' } });
    const added = await library.addLayer({ base: 'a', reference: 'b', layer: layer([{ name: 'etc/.wh.name' }, { name: 'new', content: 'x' }]), config: { env: { B: '2' } } }); // prettier-ignore
    expect(added.layers.slice(0, 1)).toEqual(below.layers);
    expect(added.config).toMatchObject({ env: { B: '2' }, user: 'me' });
    const held = await library.hold('sbx_1', 'b');
    expect(held.layers).toHaveLength(2);
    expect(readdirSync(join(held.layerRoot, held.layers[0] ?? ''))).toEqual(['etc', 'new']);
    expect(readFileSync(join(held.layerRoot, held.layers[1] ?? '', 'etc/name'), 'utf8')).toBe('one');
    await expect(library.addLayer({ base: 'absent', reference: 'c', layer: layer([]) })).rejects.toThrow(
      reason('image.not-found'),
    );
  });

  test('mounts a layer that comes twice once, and gives an image without layers an empty one', async () => {
    await library.import(base(), { reference: 'a' });
    await library.addLayer({ base: 'a', reference: 'b', layer: layer([{ name: 'x', content: 'x' }]) });
    await library.addLayer({ base: 'b', reference: 'c', layer: base() });
    const held = await library.hold('sbx_1', 'c');
    expect(held.layers).toHaveLength(2);
    expect(existsSync(join(held.layerRoot, held.layers[0] ?? '', 'etc/name'))).toBe(true);
  });

  test('refuses what is broken, and lists and leaves nothing of it', async () => {
    await expect(
      library.import(layer([{ name: '../evil', content: 'x' }]), { reference: 'a' }),
    ).rejects.toThrow(reason('image.corrupt'));
    await expect(library.import(inPieces(Buffer.from('no tar')), { reference: 'a' })).rejects.toThrow(
      reason('image.corrupt'),
    );
    expect(await library.list()).toEqual([]);
    expect(files('layers')).toEqual(['empty']);
    expect(files('ingest')).toEqual([]);
    for (const leftover of await library.leftovers(() => false)) await library.sweep(leftover, () => false);
    expect(files('blobs', 'sha256')).toEqual([]);
  });

  test('keeps what is held, and forgets what is not', async () => {
    await library.import(base(), { reference: 'a' });
    const held = await library.hold('sbx_1', 'a');
    await expect(library.remove('a')).rejects.toThrow(reason('image.in-use'));
    await library.import(base('two'), { reference: 'a' });
    expect((await library.list()).map(({ references }) => references.length).sort()).toEqual([0, 1]);
    expect(await library.leftovers(() => true)).toEqual([]);
    expect(await library.held('sbx_1')).toEqual(held);
    expect(await library.holdSame('sbx_2', 'sbx_1')).toEqual(held);
    library.release('sbx_1');
    library.release('sbx_2');
    const left = await library.leftovers(() => true);
    expect(left.map(({ kind }) => kind).sort()).toEqual(['blob', 'blob', 'blob', 'layer']);
    for (const leftover of left) await library.sweep(leftover, () => true);
    expect(existsSync(join(held.layerRoot, held.layers[0] ?? ''))).toBe(false);
    expect(await library.leftovers(() => true)).toEqual([]);
    await library.remove('a');
    expect(files('layers')).toEqual(['empty']);
    expect(files('blobs', 'sha256')).toEqual([]);
  });

  test('a lease counts until its owner is gone for a minute', async () => {
    await library.import(base(), { reference: 'a' });
    await library.hold('sbx_1', 'a');
    expect(await library.leftovers(() => false)).toEqual([]);
    const lease = join(root, 'library', 'leases', 'sbx_1.json');
    utimesSync(lease, 1, 1);
    expect(await library.leftovers(() => true)).toEqual([]);
    const [left] = await library.leftovers(() => false);
    expect(left).toMatchObject({ kind: 'lease', id: 'sbx_1' });
    if (left !== undefined) {
      await expect(library.sweep(left, () => true)).rejects.toThrow(reason('image.in-use'));
      await library.sweep(left, () => false);
    }
    expect(existsSync(lease)).toBe(false);
  });

  test('collects nothing while content is brought in, nor when a manifest cannot be read', async () => {
    const made = await library.import(base(), { reference: 'a' });
    let letGo: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield rawTar([{ name: 'x' }]);
      await gate;
    }
    const pending = library.import(slow(), { reference: 'b' });
    await expect.poll(() => files('ingest').length).toBe(1);
    await library.remove('a');
    expect(await library.leftovers(() => true)).toEqual([]);
    letGo();
    await pending;
    expect((await library.leftovers(() => true)).length).toBeGreaterThan(0);
    const path = join(root, 'library', 'blobs', 'sha256', (await library.inspect('b')).digest.slice(7));
    writeFileSync(path, 'damaged');
    expect(await library.leftovers(() => true)).toEqual([]);
    await expect(library.inspect('b')).rejects.toThrow(reason('image.corrupt'));
    expect(made.layers).toHaveLength(1);
  });

  test('what dead processes left is found and swept', async () => {
    await library.import(base(), { reference: 'a' });
    const dead = '.of-999999999-1-0';
    mkdirSync(join(root, 'library', 'layers', `unpacking${dead}`, 'd'), { recursive: true });
    writeFileSync(join(root, 'library', 'ingest', `blob${dead}`), 'half');
    writeFileSync(join(root, 'library', 'ingest', `${'a'.repeat(64)}.partial`), 'half');
    writeFileSync(join(root, 'library', 'locks', `work${dead}`), '');
    const left = await library.leftovers(() => true);
    expect(left.map(({ id }) => id).sort()).toEqual([`ingest/${'a'.repeat(64)}.partial`, `ingest/blob${dead}`, `layers/unpacking${dead}`, `locks/work${dead}`]); // prettier-ignore
    for (const leftover of left) await library.sweep(leftover, () => true);
    expect(await library.leftovers(() => true)).toEqual([]);
    expect(await library.inspect('a')).toBeDefined();
  });

  test('saves what it loads again, byte for byte the same', async () => {
    await library.import(base(), { reference: 'a:1', config: { labels: { l: 'v' } } });
    await library.addLayer({
      base: 'a:1',
      reference: 'registry.example/b:2',
      layer: layer([{ name: 'x', content: 'x' }]),
    });
    const archive = await collected(library.save(['a:1', 'registry.example/b:2']));
    expect(await collected(library.save(['a:1', 'registry.example/b:2']))).toEqual(archive);
    for (const bytes of [archive, gzipSync(archive)]) {
      const other = open(`other${bytes.byteLength}`);
      expect(await other.load(inPieces(bytes))).toEqual([
        await library.inspect('a:1'),
        await library.inspect('registry.example/b:2'),
      ]);
      expect(await collected(other.save(['a:1', 'registry.example/b:2']))).toEqual(archive);
    }
    await expect(collected(library.save(['absent']))).rejects.toThrow(reason('image.not-found'));
  });

  test('an archive with a blob of another digest is refused, and nothing of it is listed', async () => {
    await library.import(base(), { reference: 'a' });
    const archive = await collected(library.save(['a']));
    const at = archive.indexOf('etc/name');
    archive.write('etc/NAME', at);
    const other = open('other');
    await expect(other.load(inPieces(archive))).rejects.toThrow(reason('image.corrupt'));
    expect(await other.list()).toEqual([]);
    await expect(other.load(layer([{ name: 'readme', content: 'x' }]))).rejects.toThrow(
      reason('image.invalid'),
    );
  });

  test('many at once, in two libraries on one directory, lose nothing', async () => {
    const other = open();
    const names = Array.from({ length: 12 }, (_, at) => `app:${at}`);
    await Promise.all(
      names.map((reference, at) =>
        (at % 2 === 0 ? library : other).import(base(String(at % 3)), { reference }),
      ),
    );
    const listed = (await library.list()).flatMap(({ references }) => references);
    expect(listed).toHaveLength(12);
    expect(files('layers')).toHaveLength(4);
    expect(await library.leftovers(() => true)).toEqual([]);
    expect(files('locks')).toEqual([]);
  });

  test('without a builder says what to install, and that there is no Dockerfile', async () => {
    writeFileSync(join(root, 'Dockerfile'), 'FROM scratch\n');
    const builder = { has: () => false, run: () => Promise.resolve(1) };
    for (const options of [{}, { builder }]) {
      const own = createImageLibrary({
        directory: join(root, 'library'),
        unpacker: hostUnpacker(),
        ...options,
      });
      await expect(own.build({ contextPath: root, reference: 'a' })).rejects.toThrow(
        expect.objectContaining({
          reason: 'image.builder-missing',
          hint: expect.stringContaining('buildah'),
        }),
      );
      await expect(own.build({ contextPath: root, reference: 'a', dockerfile: 'x' })).rejects.toThrow(
        reason('image.invalid'),
      );
    }
  });
});
