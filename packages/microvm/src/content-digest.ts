import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** SHA-256 of a file, or of its first bytes; 64 hexadecimal digits. */
export async function digestOfFile(path: string, frontBytes?: number): Promise<string> {
  const hash = createHash('sha256');
  const range = frontBytes === undefined ? {} : { end: frontBytes - 1 };
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, ...range }))
    hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** One key for several inputs; each is told apart from its neighbours. */
export function keyOf(...inputs: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(`${input.length}\n`).update(input);
  return hash.digest('hex');
}
