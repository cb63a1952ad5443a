import { corrupt, quoted } from '../image-errors.ts';

/** Limits of Linux (limits.h, symlink(7)). */
const maxPathBytes = 4_095;
const maxNameBytes = 255;
const maxLinks = 40;

/**
 * The parts of a name in a layer. `.` and empty parts vanish, and a leading slash means the layer's root.
 *
 * SAFETY: no part is `..`, holds a NUL or is longer than the kernel takes; layer-paths.test.ts holds it.
 *
 * @throws SovereignError `image.corrupt`
 */
export function layerParts(name: string): readonly string[] {
  if (name.length > maxPathBytes || name.includes('\0'))
    throw corrupt(`a layer has the name ${quoted(name)}`);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  for (const part of parts) {
    if (part === '..') throw corrupt(`the name ${quoted(name)} leaves the layer`);
    if (part.length > maxNameBytes) throw corrupt(`a layer has the name ${quoted(name)}`);
  }
  return parts;
}

/**
 * Links of a layer, so that a name that passes through one can be given the place it means: where it is after a chroot to
 * the layer's root, as other engines unpack it. An extracting program then never meets a link in a parent.
 */
export class LayerLinks {
  readonly #targets = new Map<string, string>();
  #lastParent: string | undefined;
  #lastResolved = '';

  set(path: string, target: string): void {
    this.#targets.set(path, target);
    this.#lastParent = undefined;
  }

  delete(path: string): void {
    if (this.#targets.delete(path)) this.#lastParent = undefined;
  }

  /** The place of a name: its parent with all links followed, itself as it is. Empty for the root. */
  resolve(name: string): string {
    const parts = layerParts(name);
    const own = parts.at(-1);
    if (own === undefined) return '';
    const parent = parts.slice(0, -1).join('/');
    if (this.#targets.size === 0) return joined(parent, own);
    if (parent !== this.#lastParent) {
      this.#lastResolved = this.#follow(parts.slice(0, -1), name);
      this.#lastParent = parent;
    }
    return joined(this.#lastResolved, own);
  }

  #follow(parts: readonly string[], name: string): string {
    const pending = [...parts].reverse();
    const path: string[] = [];
    for (let links = 0; pending.length > 0;) {
      const part = pending.pop() ?? '';
      if (part === '' || part === '.') continue;
      if (part === '..') {
        path.pop();
        continue;
      }
      path.push(part);
      const target = this.#targets.get(path.join('/'));
      if (target === undefined) continue;
      if (++links > maxLinks) throw corrupt(`the name ${quoted(name)} passes too many links`);
      if (target.startsWith('/')) path.length = 0;
      else path.pop();
      pending.push(...target.split('/').reverse());
    }
    const resolved = path.join('/');
    if (resolved.length > maxPathBytes) throw corrupt(`the name ${quoted(name)} is too long`);
    return resolved;
  }
}

function joined(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}
