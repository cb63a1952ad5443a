/** The last part of a path, or undefined when it names no entry: `/`, `.`, `dir/.`, `..` mean what is in it. */
export function entryName(path: string): string | undefined {
  const last = path.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return path.endsWith('/.') || last === '' || last === '.' || last === '..' ? undefined : last;
}
