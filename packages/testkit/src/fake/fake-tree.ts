export interface FakeNode {
  readonly kind: 'file' | 'directory';
  readonly content: Uint8Array;
  readonly mode: number;
  readonly modifiedMs: number;
}

/** Files by absolute path, as a volume or the root of a guest holds them. */
export type FakeNodes = Map<string, FakeNode>;

export function fakeDirectory(mode: number): FakeNode {
  return { kind: 'directory', content: new Uint8Array(0), mode, modifiedMs: Date.now() };
}

/** A root with volumes mounted in it; a path belongs to the longest mount above it. */
export class FakeTree implements Iterable<readonly [string, FakeNode]> {
  /** What is not on a volume: what an image is made of, and what a fork copies. */
  readonly root: FakeNodes = new Map<string, FakeNode>();
  readonly #mounts = new Map<string, { readonly nodes: FakeNodes; readonly isReadOnly: boolean }>();

  mount(path: string, nodes: FakeNodes, options: { readonly isReadOnly: boolean }): void {
    if (!nodes.has('/')) nodes.set('/', fakeDirectory(0o755));
    this.#mounts.set(path, { nodes, isReadOnly: options.isReadOnly });
  }

  unmount(path: string): void {
    this.#mounts.delete(path);
  }

  isReadOnly(path: string): boolean {
    return this.#mounts.get(this.#mountOf(path) ?? '')?.isReadOnly === true;
  }

  has(path: string): boolean {
    const { nodes, key } = this.#at(path);
    return nodes.has(key);
  }

  get(path: string): FakeNode | undefined {
    const { nodes, key } = this.#at(path);
    return nodes.get(key);
  }

  set(path: string, node: FakeNode): void {
    const { nodes, key } = this.#at(path);
    nodes.set(key, node);
  }

  delete(path: string): void {
    const { nodes, key } = this.#at(path);
    nodes.delete(key);
  }

  /** What a mount covers is not seen. */
  *[Symbol.iterator](): Generator<readonly [string, FakeNode]> {
    for (const entry of this.root) if (this.#mountOf(entry[0]) === undefined) yield entry;
    for (const [at, { nodes }] of this.#mounts)
      for (const [key, node] of nodes) yield [key === '/' ? at : `${at}${key}`, node];
  }

  #at(path: string): { readonly nodes: FakeNodes; readonly key: string } {
    const at = this.#mountOf(path);
    const mount = at === undefined ? undefined : this.#mounts.get(at);
    if (at === undefined || mount === undefined) return { nodes: this.root, key: path };
    return { nodes: mount.nodes, key: path.slice(at.length) || '/' };
  }

  #mountOf(path: string): string | undefined {
    let found: string | undefined;
    for (const at of this.#mounts.keys())
      if ((path === at || path.startsWith(`${at}/`)) && at.length > (found?.length ?? 0)) found = at;
    return found;
  }
}
