import { createHash } from 'node:crypto';
import { invalidImage, quoted } from '../image-errors.ts';

/** `sha256:` and 64 hexadecimal digits. No other algorithm is taken: it names files. */
export type Digest = `sha256:${string}`;

const pattern = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return pattern.test(text);
}

/** @throws SovereignError `image.invalid` */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw invalidImage(`digest ${quoted(text)} (expected sha256: and 64 lower-case hexadecimal digits)`);
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The hexadecimal part, which is a file name. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}
