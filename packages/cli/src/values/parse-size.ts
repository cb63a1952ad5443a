import { UsageError } from '../errors/usage-error.ts';

const units = ['', 'k', 'm', 'g', 't'];

/** Bytes of `1048576`, `512k`, `512m`, `1.5g`; units are binary, as Docker has them. @throws UsageError */
export function parseSize(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/.exec(text.toLowerCase());
  const bytes = Math.round(Number(match?.[1]) * 1024 ** units.indexOf(match?.[2] ?? ''));
  if (match === null || !Number.isSafeInteger(bytes)) {
    throw new UsageError(`${option}: ${text} (expected a size).`, 'Write bytes, or 512k, 512m, 2g.');
  }
  return bytes;
}
