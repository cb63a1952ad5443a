import type { VolumeMount } from '@sovereign/sdk';
import { UsageError } from '../errors/usage-error.ts';

/** `NAME:PATH` or `NAME:PATH:ro`. @throws UsageError */
export function parseVolume(text: string): VolumeMount {
  const match = /^([a-z0-9][a-z0-9._-]{0,62}):(\/[^:]*)(?::(ro|rw))?$/.exec(text);
  const [, volume, guestPath, mode] = match ?? [];
  if (volume === undefined || guestPath === undefined) {
    throw new UsageError(
      `--volume: ${text} (expected NAME:PATH or NAME:PATH:ro).`,
      text.startsWith('/') || text.startsWith('.')
        ? 'A directory of the host is a workspace: --workspace DIR. A volume has a name: sovereign volume create NAME'
        : 'The path is absolute, as in data:/var/lib/data.',
    );
  }
  return { volume, guestPath, ...(mode === 'ro' && { isReadOnly: true }) };
}
