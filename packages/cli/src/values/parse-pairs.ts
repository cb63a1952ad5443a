import { UsageError } from '../errors/usage-error.ts';

/** `NAME=value` pairs; the last one of a name counts. `missing` gives the value of a name alone. @throws UsageError */
function parsePairs(
  texts: readonly string[],
  option: string,
  missing: (name: string) => string | undefined,
): Readonly<Record<string, string>> {
  const pairs = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf('=');
    const name = at === -1 ? text : text.slice(0, at);
    if (name === '')
      throw new UsageError(`${option}: ${text} (a name is missing).`, `Write ${option} NAME=value.`);
    const value = at === -1 ? missing(name) : text.slice(at + 1);
    if (value !== undefined) pairs.set(name, value);
  }
  return Object.fromEntries(pairs);
}

/** Environment variables: `NAME=value`, or `NAME` alone to copy ours; one that we do not have is left out. */
export function parseEnv(
  texts: readonly string[],
  own: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return parsePairs(texts, '--env', (name) => own[name]);
}

/** Labels: `name=value`; a name alone has the empty value. */
export function parseLabels(texts: readonly string[]): Readonly<Record<string, string>> {
  return parsePairs(texts, '--label', () => '');
}
