import { SovereignError } from '@sovereign/protocol';

/** Text of others in a message: short, without control characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200)).replaceAll(/[\u007f-\u009f]/g, '?');
}

/** Content that is not what its digest or its format says. */
export function corrupt(
  what: string,
  context: Readonly<Record<string, string | number>> = {},
): SovereignError {
  return new SovereignError({
    reason: 'image.corrupt',
    message: `Image content is refused: ${what}.`,
    hint: 'Ask whoever made the image for a whole one; nothing of it was kept.',
    context,
  });
}

export function invalidImage(
  what: string,
  context: Readonly<Record<string, string | number>> = {},
): SovereignError {
  return new SovereignError({
    reason: 'image.invalid',
    message: `This cannot be used as an image: ${what}.`,
    hint: 'Names look like `alpine:3` or `registry.example/team/app@sha256:…`; archives are those of docker save, or OCI.',
    context,
  });
}

export function imageNotFound(reference: string): SovereignError {
  return new SovereignError({
    reason: 'image.not-found',
    message: `No image has the name ${quoted(reference)}.`,
    hint: 'See what there is with `sovereign images ls`, or fetch it with `sovereign images pull`.',
    context: { reference: reference.slice(0, 300) },
  });
}

export function tooLarge(what: string, limit: string): SovereignError {
  return new SovereignError({
    reason: 'image.too-large',
    message: `Image content is refused: ${what} (at most ${limit}).`,
    hint: 'Make room, or raise images.maxLayerBytes in your configuration if you trust the image.',
  });
}
