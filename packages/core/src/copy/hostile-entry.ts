/** Bytes of a name that file systems take (NAME_MAX). */
const maxNameBytes = 255;

/** What is wrong with a name that a guest claims a directory entry has; undefined for a name that is one entry. */
export function nameProblem(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'its name is no name of an entry';
  if (name.includes('/') || name.includes('\0')) return 'its name would lead elsewhere';
  return Buffer.byteLength(name) > maxNameBytes ? 'its name is too long' : undefined;
}

/**
 * Whether a symbolic link stays within a copy when the directory that holds it lies `depth` levels below the copy's root.
 *
 * SAFETY: only `..` at the beginning counts levels of real directories, since nothing is written through a link; after a
 * name, which may be another link, `..` could lead anywhere. hostile-entry.test.ts holds it.
 */
export function staysWithin(target: string, depth: number): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return false;
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const firstName = parts.findIndex((part) => part !== '..');
  const ups = firstName === -1 ? parts.length : firstName;
  return ups <= depth && !parts.slice(ups).includes('..');
}
