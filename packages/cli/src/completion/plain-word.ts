/** A name that a shell takes as one word and does nothing with. */
export function isPlainWord(name: string): boolean {
  return /^[a-z0-9][a-zA-Z0-9._/:@-]*$/.test(name);
}
