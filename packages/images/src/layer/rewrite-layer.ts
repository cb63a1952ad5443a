import { corrupt, quoted } from '../image-errors.ts';
import { ByteReader } from '../tar/byte-reader.ts';
import { TarReader } from '../tar/read-tar.ts';
import { paddingOf, type TarEntry } from '../tar/tar-entry.ts';
import { blankEntry, sparsePreamble, tarEnd, tarHeader } from '../tar/write-tar.ts';
import { keptXattrs, overlayOpaque } from './layer-xattrs.ts';
import type { LayerMeter } from './layer-limits.ts';
import { LayerLinks } from './layer-paths.ts';

/** Output waits until it is worth a write. */
const batchBytes = 256 * 1024;

const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';

/**
 * Rewrites the tar of a layer (image-spec, layer.md) into one that an extracting program can take literally: names
 * relative, without `..`, passing no link; missing parents spelt out; whiteouts as character devices 0/0 and opaque
 * directories by `user.overlay.opaque`, which is how an overlay that a user namespace mounts has them (overlayfs,
 * "userxattr"); device nodes left out, for nobody in a user namespace may make one and `/dev` is mounted over.
 *
 * A whiteout speaks of the layers below, wherever it stands: one for a name that this layer has itself makes that
 * directory opaque. So they come at the end.
 *
 * @throws SovereignError `image.corrupt`, `image.too-large`
 */
export async function* rewriteLayer(
  tar: AsyncIterable<Uint8Array>,
  meter: LayerMeter,
): AsyncGenerator<Uint8Array> {
  const reader = new ByteReader(tar);
  const entries = new TarReader(reader);
  const writer = new LayerWriter(meter);
  try {
    for (;;) {
      const entry = await entries.next();
      if (entry === undefined) break;
      meter.entry();
      const isWritten = writer.place(entry) === 'written';
      if (isWritten) meter.bytes(entry.size);
      for (let left = entry.size + paddingOf(entry.size); left > 0;) {
        const part = await reader.some(left);
        if (part === undefined) throw corrupt(`a tar archive ends within ${quoted(entry.name)}`);
        left -= part.byteLength;
        if (isWritten) writer.append(part);
        if (writer.isFull) yield writer.rest();
      }
      if (writer.isFull) yield writer.rest();
    }
    writer.end();
    yield writer.rest();
    // What follows the end blocks is part of the layer's digest.
    while ((await reader.some(batchBytes)) !== undefined);
  } finally {
    await reader.close();
  }
}

/** What has been seen of a layer, and the headers that are to be written. */
class LayerWriter {
  readonly #meter: LayerMeter;
  readonly #links = new LayerLinks();
  /** Every name that the layer has; for directories their entry, which an opaque one needs again. */
  readonly #names = new Map<string, TarEntry | undefined>();
  /** Directories that something is in. */
  readonly #parents = new Set<string>();
  readonly #whiteouts = new Set<string>();
  readonly #opaque = new Set<string>();
  #out: Uint8Array[] = [];
  #outBytes = 0;

  constructor(meter: LayerMeter) {
    this.#meter = meter;
  }

  /** Decides on an entry. `written`: its data is to follow its header. */
  place(entry: TarEntry): 'written' | 'left out' {
    const path = this.#links.resolve(entry.name);
    const slash = path.lastIndexOf('/');
    const [parent, name] = [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
    if (name.startsWith(whiteoutPrefix)) {
      this.#whiteout(parent, name);
      return 'left out';
    }
    if (path === '' && entry.type !== 'directory') throw corrupt(`the root of a layer is a ${entry.type}`);
    switch (entry.type) {
      case 'characterDevice':
      case 'blockDevice':
        return 'left out';
      case 'hardLink':
        return this.#hardLink(entry, path, parent);
      case 'symlink':
        if (entry.linkName === '' || entry.linkName.length > 4_095 || entry.linkName.includes('\0'))
          throw corrupt(`the link ${quoted(entry.name)} leads to ${quoted(entry.linkName)}`);
        this.#write({ ...entry, name: path, xattrs: new Map() }, path, parent);
        this.#links.set(path, entry.linkName);
        return 'written';
      default:
        this.#write({ ...entry, name: path, linkName: '', xattrs: keptXattrs(entry) }, path, parent);
        return 'written';
    }
  }

  get isFull(): boolean {
    return this.#outBytes >= batchBytes;
  }

  append(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.#out.push(bytes);
    this.#outBytes += bytes.byteLength;
  }

  /** All output that waits. */
  rest(): Uint8Array {
    const [out, first] = [this.#out, this.#out[0]];
    this.#out = [];
    this.#outBytes = 0;
    return out.length === 1 && first !== undefined ? first : Buffer.concat(out);
  }

  /** Whiteouts and opaque directories, and the end of the archive. */
  end(): void {
    for (const path of this.#whiteouts) {
      if (this.#names.get(path) !== undefined) this.#opaque.add(path);
      else if (!this.#names.has(path))
        this.#push({ ...blankEntry, name: path, type: 'characterDevice', mode: 0 }, path);
    }
    for (const path of this.#opaque) {
      const directory = this.#names.get(path);
      // A directory that became a file later hides what is below by that already.
      if (directory === undefined) continue;
      const xattrs = new Map([...directory.xattrs, [overlayOpaque.name, overlayOpaque.value] as const]);
      this.#push({ ...directory, xattrs }, path);
    }
    this.append(tarEnd);
  }

  #whiteout(parent: string, name: string): void {
    if (name === opaqueMarker) {
      this.#ensureParents(parent);
      if (parent !== '') this.#opaque.add(parent);
      return;
    }
    // Bookkeeping of aufs: `.wh..wh.plnk` and its kind.
    if (name.startsWith('.wh..wh.')) return;
    const hidden = name.slice(whiteoutPrefix.length);
    if (hidden === '' || hidden === '.' || hidden === '..')
      throw corrupt(`a whiteout is called ${quoted(name)}`);
    this.#ensureParents(parent);
    this.#whiteouts.add(parent === '' ? hidden : `${parent}/${hidden}`);
    this.#meter.entry();
  }

  #hardLink(entry: TarEntry, path: string, parent: string): 'written' | 'left out' {
    const target = this.#links.resolve(entry.linkName);
    if (!this.#names.has(target) || this.#names.get(target) !== undefined || target === path)
      throw corrupt(
        `the hard link ${quoted(entry.name)} leads to ${quoted(entry.linkName)}, which is no file of the layer`,
      );
    this.#write(
      { ...entry, name: path, linkName: target, size: 0, xattrs: new Map(), sparse: undefined },
      path,
      parent,
    );
    return 'written';
  }

  #write(entry: TarEntry, path: string, parent: string): void {
    this.#ensureParents(parent);
    if (entry.type !== 'directory' && this.#parents.has(path))
      throw corrupt(`${quoted(entry.name)} is a directory with content, and later a ${entry.type}`);
    this.#links.delete(path);
    this.#push(entry, path);
  }

  /** Directories that the archive does not have are made as other engines make them: root's, 0755. */
  #ensureParents(path: string): void {
    if (path === '' || this.#names.get(path) !== undefined) return;
    const slash = path.lastIndexOf('/');
    this.#ensureParents(path.slice(0, Math.max(slash, 0)));
    this.#meter.entry();
    this.#push({ ...blankEntry, name: path }, path);
  }

  #push(entry: TarEntry, path: string): void {
    const slash = path.lastIndexOf('/');
    if (slash > 0) this.#parents.add(path.slice(0, slash));
    const named = path === '' ? { ...entry, name: './' } : entry;
    this.#names.set(path, entry.type === 'directory' ? named : undefined);
    this.append(tarHeader(named));
    this.append(sparsePreamble(named));
  }
}
