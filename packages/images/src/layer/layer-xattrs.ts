import type { TarEntry } from '../tar/tar-entry.ts';

/** Marks a directory that hides what lower layers have in it, for overlays mounted with `userxattr`. */
export const overlayOpaque: { readonly name: string; readonly value: Buffer } = {
  name: 'user.overlay.opaque',
  value: Buffer.from('y'),
};

const maxXattrs = 64;

/**
 * The extended attributes of an entry that are unpacked: `user.*` and file capabilities.
 *
 * SAFETY: `user.overlay.*` and `trusted.overlay.*` steer overlayfs (redirect, metacopy, opaque): a layer's own never reach
 * the disk. `security.*` besides capabilities, `system.*` and `trusted.*` are matters of the host. Held by
 * rewrite-layer.test.ts.
 */
export function keptXattrs(entry: TarEntry): ReadonlyMap<string, Buffer> {
  if (entry.xattrs.size === 0) return entry.xattrs;
  const kept = [...entry.xattrs].filter(([key]) =>
    /^user\.[\x21-\x3c\x3e-\x7e]{1,200}$/.test(key)
      ? !key.startsWith('user.overlay.')
      : key === 'security.capability' && entry.type === 'file',
  );
  return new Map(kept.slice(0, maxXattrs));
}
