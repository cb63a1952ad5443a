import { UsageError } from '../errors/usage-error.ts';

/** A whole number from 0 on. @throws UsageError */
export function parseCount(text: string, option: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count)) return count;
  throw new UsageError(`${option}: ${text} (expected a whole number).`, 'Write digits only.');
}

/** A number, `0.5` for instance. @throws UsageError */
export function parseNumber(text: string, option: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new UsageError(`${option}: ${text} (expected a number).`, 'Write 2 or 0.5.');
}
