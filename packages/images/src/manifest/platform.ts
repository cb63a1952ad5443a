import { corrupt, invalidImage, quoted } from '../image-errors.ts';
import type { PlatformDescriptor } from './manifest.ts';
import { indexTypes, manifestTypes } from './media-types.ts';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | undefined;
}

/** Names that Go, and so every registry, uses for what Node calls otherwise. */
const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', mipsel: 'mipsle' };

/** Platform of this host; images are for Linux wherever they are managed. */
export function hostPlatform(architecture: string = process.arch): Platform {
  return { os: 'linux', architecture: goArchitectures[architecture] ?? architecture, variant: undefined };
}

/** Reads `linux/arm64/v8`. @throws SovereignError `image.invalid` */
export function parsePlatform(text: string): Platform {
  const match = /^([a-z0-9]{1,32})\/([a-z0-9_]{1,32})(?:\/([a-z0-9.]{1,32}))?$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined)
    throw invalidImage(`platform ${quoted(text)} (expected os/architecture, for example linux/arm64)`);
  return { os: match[1], architecture: match[2], variant: match[3] };
}

export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return `${os}/${architecture}${variant === undefined || variant === '' ? '' : `/${variant}`}`;
}

/**
 * The entry of an index for a platform: os and architecture equal, the variant too when one was asked for. Without a
 * variant the first entry wins, which is the baseline one by convention. Attestations (`unknown/unknown`) never match.
 *
 * @throws SovereignError `image.corrupt` with what there is
 */
export function choosePlatform(entries: readonly PlatformDescriptor[], wanted: Platform): PlatformDescriptor {
  const usable = entries.filter(({ mediaType }) => [...manifestTypes, ...indexTypes].includes(mediaType));
  const found = usable.find(
    ({ platform }) =>
      platform?.os === wanted.os &&
      platform.architecture === wanted.architecture &&
      (wanted.variant === undefined || platform.variant === wanted.variant),
  );
  const only = usable.length === 1 && usable[0]?.platform === undefined ? usable[0] : undefined;
  const chosen = found ?? only;
  if (chosen !== undefined) return chosen;
  const there = usable.flatMap(({ platform }) =>
    platform === undefined ? [] : [formatPlatform({ ...platform, variant: platform.variant })],
  );
  throw corrupt(`it has nothing for ${formatPlatform(wanted)} (only ${quoted(there.join(', '))})`);
}
