import { shieldedPaths } from '@sovereign/guest';
import type { LayerChange } from '../layers/change-lines.ts';

/**
 * Which shielded path a change touches, so that what it writes would run later on the host; null for one that touches
 * none. Names are compared without case, as some file systems do.
 *
 * SAFETY: a directory above a shielded path may be made, but not be replaced or removed, nor be a link: either would
 * decide what is at the shielded path. Held by shield-of.test.ts.
 */
export function shieldOf(
  change: Pick<LayerChange, 'kind' | 'path' | 'file'>,
  granted: readonly string[],
): string | null {
  const path = change.path.toLowerCase();
  const isMade = change.file === 'directory' && change.kind === 'added';
  const touched = shieldedPaths
    .filter((shielded) => !granted.includes(shielded))
    .find((shielded) => {
      const isWithin = path === shielded || path.startsWith(`${shielded}/`);
      return isWithin || (shielded.startsWith(`${path}/`) && !isMade);
    });
  return touched ?? null;
}
