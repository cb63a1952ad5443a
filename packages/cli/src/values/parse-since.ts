import { UsageError } from '../errors/usage-error.ts';
import { parseDuration } from './parse-duration.ts';

/** Unix milliseconds of `10m` (ago), or of a date such as `2026-01-31` or `2026-01-31T10:00:00Z`. @throws UsageError */
export function parseSince(text: string, option: string, nowMs: number): number {
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const at = Date.parse(text);
    if (!Number.isNaN(at)) return at;
    throw new UsageError(`${option}: ${text} (not a date).`, 'Write 2026-01-31 or 2026-01-31T10:00:00Z.');
  }
  return nowMs - parseDuration(text, option);
}
