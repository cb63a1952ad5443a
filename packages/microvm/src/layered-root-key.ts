import { keyOf } from './content-digest.ts';

/** Changes when the same inputs are packed in another way. */
export const layoutVersion = 'layout 3';

/**
 * Key of the root that is packed of an image's layers.
 *
 * @param rootDigest `KeptImage.rootDigest`.
 */
export function layeredRootKey(rootDigest: string): string {
  return keyOf(layoutVersion, 'layers', rootDigest);
}
