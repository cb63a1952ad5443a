import { UsageError } from '../errors/usage-error.ts';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `500ms`, `30s`, `1.5m`, `2h`, `1h30m`; a number alone is seconds. @throws UsageError */
export function parseDuration(text: string, option: string): number {
  const whole = /^\d+(\.\d+)?$/.test(text) ? `${text}s` : text;
  const parts = [...whole.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  const isAll = parts.map(([part]) => part).join('') === whole && parts.length > 0;
  if (!isAll)
    throw new UsageError(`${option}: ${text} (expected a duration).`, 'Write 500ms, 30s, 5m or 1h30m.');
  return Math.round(
    parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ''] ?? 0), 0),
  );
}
