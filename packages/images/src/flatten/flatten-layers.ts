import { createHash } from 'node:crypto';
import { corrupt, tooLarge } from '../image-errors.ts';
import { decompress } from '../layer/decompress.ts';
import { hashedStream } from '../layer/hashed-stream.ts';
import { checkFreeSpace, LayerMeter, type LayerLimits } from '../layer/layer-limits.ts';
import { rewriteLayer } from '../layer/rewrite-layer.ts';
import { ByteReader } from '../tar/byte-reader.ts';
import { TarReader } from '../tar/read-tar.ts';
import { paddingOf, type TarEntry } from '../tar/tar-entry.ts';
import { blankEntry, sparsePreamble, tarEnd, tarHeader } from '../tar/write-tar.ts';
import {
  addEntry,
  countNames,
  emptyDirectory,
  isDirectory,
  layOver,
  walk,
  type Directory,
  type Leaf,
} from './root-tree.ts';

/** A layer of an image; it is read twice. */
export interface FlattenedLayer {
  /** Its bytes, compressed or not. */
  open(): AsyncIterable<Uint8Array>;
  /** `sha256:…` of its plain tar, when that is known. */
  readonly diffId?: string;
}

export interface FlattenOptions {
  /** Lowest first. */
  readonly layers: readonly FlattenedLayer[];
  /** Hold for each layer, and for what all of them come to. */
  readonly limits: LayerLimits;
  /** Where what comes of it is written: its free space is looked at. */
  readonly directory: string;
}

/** Output waits until it is worth a write. */
const batchBytes = 256 * 1024;

/** Where data is wanted: by the number of its entry, the names that it gets. */
type Wanted = Map<number, string[]>;

/**
 * Layers as one plain tar of the root file system that they come to: nothing that an upper one replaced or took away,
 * no whiteout, no device. A file whose hard links survive it keeps its data under the first of them. Directories come
 * first. The same layers give the same bytes.
 *
 * SAFETY: a layer is hostile. Names, links and attributes go through `rewriteLayer`, and every header is written anew:
 * whoever packs the tar meets none that leads out of its root, and no name twice. flatten-layers.test.ts holds it.
 *
 * @throws SovereignError `image.corrupt`, `image.too-large` while it is iterated
 */
export function flattenLayers(options: FlattenOptions): AsyncGenerator<Uint8Array> {
  return inBatches(flatten(options));
}

async function* flatten(options: FlattenOptions): AsyncGenerator<Uint8Array> {
  const { layers, limits, directory } = options;
  const root = emptyDirectory();
  for (const [index, layer] of layers.entries()) {
    layOver(root, await readTree(layer, index, options));
    if (countNames(root) > limits.maxLayerEntries)
      throw tooLarge('the layers of an image come to too many entries', `${limits.maxLayerEntries} entries`);
  }
  yield tarHeader({ ...blankEntry, name: './' });
  const wanted: readonly Wanted[] = layers.map(() => new Map());
  const names = new Map<Leaf, string[]>();
  for (const [path, node] of walk(root)) {
    if (isDirectory(node)) {
      yield tarHeader({ ...node.entry, name: path });
      continue;
    }
    const known = names.get(node);
    if (known !== undefined) known.push(path);
    else {
      const own = [path];
      names.set(node, own);
      wanted[node.layer]?.set(node.entry, own);
    }
  }
  let left = limits.maxLayerBytes;
  for (const [index, layer] of layers.entries()) {
    const own = wanted[index];
    if (own === undefined || own.size === 0) continue;
    checkFreeSpace(directory, limits.reservedDiskBytes, 0);
    for await (const bytes of writeWanted(layer, own, options)) {
      left -= bytes.byteLength;
      if (left < 0)
        throw tooLarge('the layers of an image come to too much', `${limits.maxLayerBytes} bytes`);
      yield bytes;
    }
  }
  yield tarEnd;
}

/** The tree of one layer. */
async function readTree(layer: FlattenedLayer, index: number, options: FlattenOptions): Promise<Directory> {
  const root = emptyDirectory();
  const hash = createHash('sha256');
  let entry = 0;
  for await (const { header, reader } of entriesOf(hashedStream(decompress(layer.open()), hash), options)) {
    addEntry(root, header, { layer: index, entry: entry++ });
    await pass(reader, header);
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (layer.diffId !== undefined && found !== layer.diffId)
    throw corrupt(`a layer has the digest ${found} when it is unpacked, not ${layer.diffId}`, {
      expected: layer.diffId,
      found,
    });
  return root;
}

/** What is wanted of one layer, each followed by its hard links. */
async function* writeWanted(
  layer: FlattenedLayer,
  wanted: Wanted,
  options: FlattenOptions,
): AsyncGenerator<Uint8Array> {
  let index = 0;
  for await (const { header, reader } of entriesOf(decompress(layer.open()), options)) {
    const [name, ...links] = wanted.get(index++) ?? [];
    if (name === undefined) {
      await pass(reader, header);
      continue;
    }
    yield tarHeader({ ...header, name });
    yield sparsePreamble(header);
    for (let left = header.size + paddingOf(header.size); left > 0;) {
      const part = await some(reader, left);
      left -= part.byteLength;
      yield part;
    }
    for (const link of links)
      yield tarHeader({
        ...header,
        name: link,
        type: 'hardLink',
        linkName: name,
        size: 0,
        xattrs: new Map(),
        sparse: undefined,
      });
  }
}

interface ReadEntry {
  readonly header: TarEntry;
  /** Stands at its data, which the caller reads. */
  readonly reader: ByteReader;
}

async function* entriesOf(
  tar: AsyncIterable<Uint8Array>,
  { limits, directory }: FlattenOptions,
): AsyncGenerator<ReadEntry> {
  const reader = new ByteReader(rewriteLayer(tar, new LayerMeter(limits, directory)));
  const entries = new TarReader(reader);
  try {
    for (;;) {
      const header = await entries.next();
      if (header === undefined) break;
      yield { header, reader };
    }
    // To the end of the layer, whose digest covers all of it.
    while ((await reader.some(1024 * 1024)) !== undefined);
  } finally {
    await reader.close();
  }
}

async function pass(reader: ByteReader, { size }: TarEntry): Promise<void> {
  for (let left = size + paddingOf(size); left > 0;) left -= (await some(reader, left)).byteLength;
}

async function some(reader: ByteReader, most: number): Promise<Uint8Array> {
  const part = await reader.some(most);
  if (part === undefined) throw corrupt('a layer ends within a file');
  return part;
}

async function* inBatches(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of source) {
    batch.push(part);
    bytes += part.byteLength;
    if (bytes < batchBytes) continue;
    yield Buffer.concat(batch);
    batch = [];
    bytes = 0;
  }
  yield Buffer.concat(batch);
}
