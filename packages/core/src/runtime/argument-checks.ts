import { SovereignError } from '@sovereign/protocol';

/** Refusals of what a caller gave: what it was, what is expected. */
export function invalid(name: string, found: unknown, expected: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `${name}: ${describe(found)} (expected ${expected}).`,
    hint: `Correct ${name} and call again.`,
    context: { argument: name },
  });
}

export function tooLarge(name: string, size: string, expected: string): SovereignError {
  return new SovereignError({
    reason: 'argument.too-large',
    message: `${name}: ${size} (expected ${expected}).`,
    hint: 'Pass long content through stdin or a file.',
    context: { argument: name },
  });
}

/** A string that the kernel reads as it was meant: without NUL. */
export function checkString(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') throw invalid(name, value, 'a string');
  if (value.includes('\0')) throw invalid(name, value, 'a string without NUL');
}

export function checkNonEmpty(name: string, value: unknown): asserts value is string {
  checkString(name, value);
  if (value === '') throw invalid(name, value, 'a string that is not empty');
}

export function checkWhole(
  name: string,
  value: unknown,
  range: { readonly min: number; readonly max: number },
): asserts value is number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= range.min && value <= range.max)
    return;
  throw invalid(name, value, `a whole number from ${range.min} to ${range.max}`);
}

/** Whole milliseconds that are at least one; nothing means none. */
export function checkTimeout(name: string, value: unknown): void {
  if (value !== undefined) checkWhole(name, value, { min: 1, max: 0xffff_ffff });
}

/** One of a closed list of words. */
export function checkOneOf(name: string, value: unknown, known: readonly string[]): void {
  if (!known.some((one) => one === value)) throw invalid(name, value, known.join(' or '));
}

/** A caller without types may pass anything. */
export function checkObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(name, value, 'an object of names and values');
}

/** A name of the environment as execve(2) can carry it. */
export function checkEnvName(name: string): void {
  if (name === '' || name.includes('=') || name.includes('\0'))
    throw invalid('env', name, 'names without = and NUL');
}

// SAFETY: values may be secrets; only short, plain ones are shown, and callers pass no environment value here.
function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined)
    return String(value);
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`;
}
