const namePattern = /^tar-[0-9a-f]{32}$/;

/** Whether it names a root that an archive was unpacked to. */
export function isTarRootName(name: string): boolean {
  return namePattern.test(name);
}
