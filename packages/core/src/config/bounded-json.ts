/** Limits of a JSON text: JSON.parse itself takes any depth and any size. */
export interface JsonLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
}

/**
 * Parses JSON of bounded size and depth. The limits are checked before anything is built from the text.
 * @throws RangeError for a limit, SyntaxError for what is not JSON.
 */
export function parseBoundedJson(text: string, limits: JsonLimits): unknown {
  if (Buffer.byteLength(text) > limits.maxBytes) throw new RangeError(`larger than ${limits.maxBytes} bytes`);
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isInString) {
      if (character === '\\') at++;
      else if (character === '"') isInString = false;
    } else if (character === '"') {
      isInString = true;
    } else if (character === '{' || character === '[') {
      if (++depth > limits.maxDepth) throw new RangeError(`deeper than ${limits.maxDepth} levels`);
    } else if (character === '}' || character === ']') {
      depth--;
    }
  }
  return JSON.parse(text);
}
