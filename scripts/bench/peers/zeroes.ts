/** A command that writes so many zero bytes, the same for all sides. */
export function zeroesCommand(bytes: number): [command: string, ...args: string[]] {
  return ['head', '-c', String(bytes), '/dev/zero'];
}
