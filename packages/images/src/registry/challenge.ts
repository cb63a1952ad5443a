/** What a registry asks for (RFC 9110, WWW-Authenticate). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const maxHeader = 8_192;

/** Reads the challenges of a header; what cannot be read ends the list. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: Challenge[] = [];
  const text = header.slice(0, maxHeader);
  const scheme = /\s*,?\s*([A-Za-z][A-Za-z0-9-]*)(?:\s+|$)/y;
  const parameter = /\s*,?\s*([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/y;
  for (let at = 0; at < text.length;) {
    scheme.lastIndex = at;
    const found = scheme.exec(text);
    if (found?.[1] === undefined) break;
    at = scheme.lastIndex;
    const parameters = new Map<string, string>();
    for (;;) {
      parameter.lastIndex = at;
      const pair = parameter.exec(text);
      if (pair?.[1] === undefined) break;
      parameters.set(pair[1].toLowerCase(), (pair[2] ?? pair[3] ?? '').replaceAll(/\\(.)/g, '$1'));
      at = parameter.lastIndex;
    }
    challenges.push({ scheme: found[1].toLowerCase(), parameters });
  }
  return challenges;
}
