/** True when `path` is `ancestor` or lies below it. Both are canonical; nothing is looked up. */
export function isWithin(path: string, ancestor: string): boolean {
  return path === ancestor || path.startsWith(ancestor.endsWith('/') ? ancestor : `${ancestor}/`);
}
