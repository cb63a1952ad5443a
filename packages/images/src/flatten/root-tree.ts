import { corrupt, quoted } from '../image-errors.ts';
import { overlayOpaque } from '../layer/layer-xattrs.ts';
import { blankEntry } from '../tar/write-tar.ts';
import type { TarEntry } from '../tar/tar-entry.ts';

/** What is no directory, by where its data stands. Names that are hard links of each other have the same object. */
export interface Leaf {
  /** Which layer, lowest first, and which entry of it, from 0. */
  readonly layer: number;
  readonly entry: number;
}

export interface Directory {
  entry: TarEntry;
  /** It hides what lower layers have in it. */
  isOpaque: boolean;
  readonly children: Map<string, Node>;
}

/** A name that lower layers have and this one takes away. */
export const whiteout = 'whiteout';

export type Node = Leaf | Directory | typeof whiteout;

export function isDirectory(node: Node | undefined): node is Directory {
  return typeof node === 'object' && 'children' in node;
}

export function emptyDirectory(entry: TarEntry = { ...blankEntry, name: './' }): Directory {
  return { entry, isOpaque: false, children: new Map() };
}

/** Puts one entry of a rewritten layer (`rewriteLayer`) into the tree of that layer; the later of two of a name decides. */
export function addEntry(root: Directory, entry: TarEntry, leaf: Leaf): void {
  const parts = partsOf(entry.name);
  const name = parts.pop();
  if (name === undefined) {
    root.entry = entry;
    return;
  }
  const parent = find(root, parts);
  if (!isDirectory(parent)) throw corrupt(`the name ${quoted(entry.name)} is in no directory of its layer`);
  parent.children.set(name, nodeOf(root, entry, leaf, parent.children.get(name)));
}

function nodeOf(root: Directory, entry: TarEntry, leaf: Leaf, before: Node | undefined): Node {
  switch (entry.type) {
    case 'characterDevice':
      return whiteout;
    case 'hardLink': {
      const target = find(root, partsOf(entry.linkName));
      if (target === undefined || target === whiteout || isDirectory(target))
        throw corrupt(`the hard link ${quoted(entry.name)} leads to ${quoted(entry.linkName)}`);
      return target;
    }
    case 'directory': {
      const isOpaque = entry.xattrs.has(overlayOpaque.name);
      const xattrs = new Map([...entry.xattrs].filter(([key]) => key !== overlayOpaque.name));
      const own = isDirectory(before) ? before : emptyDirectory();
      own.entry = { ...entry, xattrs };
      own.isOpaque ||= isOpaque;
      return own;
    }
    default:
      return leaf;
  }
}

/** Lays a layer over what is below it, as overlayfs would show the two. */
export function layOver(lower: Directory, upper: Directory): void {
  lower.entry = upper.entry;
  if (upper.isOpaque) lower.children.clear();
  for (const [name, node] of upper.children) {
    if (node === whiteout) {
      lower.children.delete(name);
    } else if (isDirectory(node)) {
      const below = lower.children.get(name);
      const merged = isDirectory(below) ? below : emptyDirectory();
      layOver(merged, node);
      lower.children.set(name, merged);
    } else {
      lower.children.set(name, node);
    }
  }
}

/** Names below a directory. */
export function countNames(directory: Directory): number {
  let count = directory.children.size;
  for (const node of directory.children.values()) if (isDirectory(node)) count += countNames(node);
  return count;
}

/** Everything below a directory by its path, each directory before what is in it, in an order that its names alone decide. */
export function* walk(root: Directory): Generator<readonly [string, Leaf | Directory]> {
  const pending: (readonly [string, Directory])[] = [['', root]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [path, directory] = next;
    for (const [name, node] of [...directory.children].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (node === whiteout) continue;
      const own = path === '' ? name : `${path}/${name}`;
      yield [own, node];
      if (isDirectory(node)) pending.push([own, node]);
    }
  }
}

function find(root: Directory, parts: readonly string[]): Node | undefined {
  let node: Node | undefined = root;
  for (const part of parts) node = isDirectory(node) ? node.children.get(part) : undefined;
  return node;
}

function partsOf(name: string): string[] {
  return name.split('/').filter((part) => part !== '' && part !== '.');
}
