/** Gives so many unpredictable bytes. */
export type RandomSource = (bytes: number) => Uint8Array;

const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';
const length = 12;
/** Largest multiple of the alphabet's size in a byte: bytes from here on would favour its first characters. */
const fairBelow = 252;

/** A prefix and twelve characters, 62 bits of randomness: names of different state directories do not meet either. */
export function randomName(prefix: string, random: RandomSource): string {
  let text = prefix;
  while (text.length < prefix.length + length) {
    for (const byte of random(16)) {
      if (byte < fairBelow && text.length < prefix.length + length)
        text += alphabet.charAt(byte % alphabet.length);
    }
  }
  return text;
}
