import { changeKinds, fileFlags, fileKinds, type FrameFields } from '@sovereign/protocol';
import { fakeDirectory, FakeTree, type FakeNode } from './fake-tree.ts';

/** Errors of Linux that the fake answers with, as in errno(3). */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EAGAIN: 11,
  EACCES: 13,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EROFS: 30,
  ENOTEMPTY: 39,
  ENOTSUP: 95,
} as const;

export class FakeErrno extends Error {
  readonly errno: number;
  readonly operation: string;
  readonly subject: string;

  constructor(code: keyof typeof errno, operation: string, subject: string) {
    super(`${operation} ${subject}: ${code}`);
    this.errno = errno[code];
    this.operation = operation;
    this.subject = subject;
  }
}

type Listener = (kind: number, name: string) => void;

/** The file system of a fake guest: a map of absolute paths, jailed to its roots. It has no links. */
export class FakeFiles {
  readonly roots: readonly string[];
  readonly tree: FakeTree = new FakeTree();
  readonly #watchers = new Set<{ readonly path: string; readonly listener: Listener }>();

  constructor(roots: readonly string[]) {
    this.roots = roots;
    this.tree.set('/', fakeDirectory(0o755));
    for (const root of roots) this.tree.set(root, fakeDirectory(0o755));
  }

  /** What is at a path, without judging it: programs of the guest are not jailed by file operations. */
  find(path: string): FakeNode | undefined {
    return this.tree.get(normalized(path));
  }

  put(path: string, content: Uint8Array, mode: number): void {
    const key = normalized(path);
    const before = this.tree.get(key);
    this.tree.set(key, { kind: 'file', content, mode, modifiedMs: Date.now() });
    this.#tell(key, before === undefined ? changeKinds.created : changeKinds.modified);
  }

  stat(path: string): FrameFields<'file.info'> {
    const key = this.#jailed('file.stat', path);
    return info(key, this.#existing('file.stat', key));
  }

  read(path: string): Uint8Array {
    const node = this.#existing('file.read', this.#jailed('file.read', path));
    if (node.kind === 'directory') throw new FakeErrno('EISDIR', 'file.read', path);
    return node.content;
  }

  /** Refuses early what commit would refuse, as open(2) does. */
  checkWrite(path: string, flags: number): void {
    const key = this.#jailed('file.write', path);
    if (this.tree.isReadOnly(key)) throw new FakeErrno('EROFS', 'file.write', path);
    const node = this.tree.get(key);
    if (node?.kind === 'directory') throw new FakeErrno('EISDIR', 'file.write', path);
    if (node !== undefined && (flags & fileFlags.exclusive) !== 0)
      throw new FakeErrno('EEXIST', 'file.write', path);
    if ((flags & fileFlags.parents) !== 0) this.makeDirectory(parent(key), 0o755, fileFlags.parents);
    const above = this.tree.get(parent(key));
    if (above === undefined) throw new FakeErrno('ENOENT', 'file.write', path);
    if (above.kind !== 'directory') throw new FakeErrno('ENOTDIR', 'file.write', path);
  }

  write(path: string, content: Uint8Array, mode: number, flags: number): FrameFields<'file.info'> {
    this.checkWrite(path, flags);
    const key = this.#jailed('file.write', path);
    const before = this.tree.get(key);
    const isAppend = (flags & fileFlags.append) !== 0 && before !== undefined;
    const whole = isAppend ? Buffer.concat([before.content, content]) : content;
    this.put(key, whole, mode === 0 ? (before?.mode ?? 0o644) : mode);
    return info(key, this.#existing('file.write', key));
  }

  list(path: string): readonly FrameFields<'file.info'>[] {
    const key = this.#jailed('file.list', path);
    if (this.#existing('file.list', key).kind !== 'directory')
      throw new FakeErrno('ENOTDIR', 'file.list', path);
    const children = [...this.tree].filter(([name]) => name !== key && parent(name) === key);
    const infos = children.map(([name, node]) => info(name, node));
    return infos.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  }

  makeDirectory(path: string, mode: number, flags: number): void {
    const key = this.#jailed('file.makeDirectory', path);
    const hasParents = (flags & fileFlags.parents) !== 0;
    const node = this.tree.get(key);
    if (node?.kind === 'file')
      throw new FakeErrno(hasParents ? 'ENOTDIR' : 'EEXIST', 'file.makeDirectory', path);
    if (node !== undefined) {
      if (hasParents) return;
      throw new FakeErrno('EEXIST', 'file.makeDirectory', path);
    }
    if (hasParents) this.makeDirectory(parent(key), mode, flags);
    else if (!this.tree.has(parent(key))) throw new FakeErrno('ENOENT', 'file.makeDirectory', path);
    this.tree.set(key, fakeDirectory(mode === 0 ? 0o755 : mode));
    this.#tell(key, changeKinds.created);
  }

  rename(from: string, to: string, flags: number): void {
    const source = this.#jailed('file.rename', from);
    const target = this.#jailed('file.rename', to);
    this.#existing('file.rename', source);
    if ((flags & fileFlags.exclusive) !== 0 && this.tree.has(target))
      throw new FakeErrno('EEXIST', 'file.rename', to);
    if (!this.tree.has(parent(target))) throw new FakeErrno('ENOENT', 'file.rename', to);
    for (const [name, node] of [...this.tree]) {
      if (name !== source && !name.startsWith(`${source}/`)) continue;
      this.tree.delete(name);
      this.tree.set(target + name.slice(source.length), node);
    }
    this.#tell(source, changeKinds.renamedFrom);
    this.#tell(target, changeKinds.renamedTo);
  }

  remove(path: string, flags: number): number {
    const key = this.#jailed('file.remove', path);
    this.#existing('file.remove', key);
    if (this.roots.includes(key)) throw new FakeErrno('EACCES', 'file.remove', path);
    const below = [...this.tree].map(([name]) => name).filter((name) => name.startsWith(`${key}/`));
    if (below.length > 0 && (flags & fileFlags.parents) === 0)
      throw new FakeErrno('ENOTEMPTY', 'file.remove', path);
    for (const name of [...below, key]) this.tree.delete(name);
    this.#tell(key, changeKinds.removed);
    return below.length + 1;
  }

  /** Returns how to stop watching. */
  watch(path: string, listener: Listener): () => void {
    const key = this.#jailed('file.watch', path);
    this.#existing('file.watch', key);
    const watcher = { path: key, listener };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #tell(key: string, kind: number): void {
    for (const { path, listener } of this.#watchers) {
      if (path === parent(key)) listener(kind, baseName(key));
      else if (path === key) listener(kind === changeKinds.removed ? changeKinds.gone : kind, '');
    }
  }

  #existing(operation: string, key: string): FakeNode {
    const node = this.tree.get(key);
    if (node === undefined) throw new FakeErrno('ENOENT', operation, key);
    return node;
  }

  #jailed(operation: string, path: string): string {
    if (!path.startsWith('/')) throw new FakeErrno('EINVAL', operation, path);
    const key = normalized(path);
    if (this.roots.some((root) => key === root || key.startsWith(`${root}/`))) return key;
    throw new FakeErrno('EACCES', operation, path);
  }
}

function info(key: string, node: FakeNode): FrameFields<'file.info'> {
  return {
    kind: fileKinds[node.kind],
    mode: node.mode,
    size: node.content.byteLength,
    modifiedMs: node.modifiedMs,
    uid: 0,
    gid: 0,
    links: 1,
    name: baseName(key),
    target: '',
  };
}

/** Resolves `.` and `..` by text, which is exact where there are no links. */
function normalized(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

function parent(key: string): string {
  return key.slice(0, Math.max(1, key.lastIndexOf('/')));
}

function baseName(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
