/** The head of a request to the proxy. */
export interface HttpHead {
  readonly method: string;
  readonly target: string;
  readonly version: '1.0' | '1.1';
  /** In the order they came; names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export const maxHeadBytes = 32_768;
const maxHeaders = 128;
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible ASCII, bytes above it, space and tab: no control character can make two lines of one. */
const fieldValue = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/** Where the head ends: after its empty line, or undefined while that has not come. */
export function endOfHead(bytes: Uint8Array): number | undefined {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf('\r\n\r\n');
  return at === -1 ? undefined : at + 4;
}

/**
 * Reads a request head, by the strict grammar of RFC 9112: no folded lines, no bare CR or LF, no space before the colon.
 * Undefined when it is malformed: what two programs could read differently is refused.
 */
export function parseHttpHead(bytes: Uint8Array): HttpHead | undefined {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('latin1')
    .split('\r\n');
  const [first = '', ...rest] = lines.slice(0, -2);
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([\u0021-\u007e]{1,16384}) HTTP\/(1\.[01])$/.exec(
    first,
  );
  const [, method, target, version] = match ?? [];
  if (method === undefined || target === undefined || (version !== '1.0' && version !== '1.1'))
    return undefined;
  if (rest.length > maxHeaders) return undefined;
  const headers: (readonly [string, string])[] = [];
  for (const line of rest) {
    const header = parseFieldLine(line);
    if (header === undefined) return undefined;
    headers.push(header);
  }
  return { method, target, version, headers };
}

/** One header or trailer without its line end: name in lower case, and value. Undefined when it is malformed. */
export function parseFieldLine(line: string): readonly [name: string, value: string] | undefined {
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(0, colon));
  const value = line.slice(colon + 1);
  if (!token.test(name) || !fieldValue.test(value)) return undefined;
  return [name.toLowerCase(), value.replace(/^[ \t]+|[ \t]+$/g, '')];
}

export function headerValues(head: HttpHead, name: string): readonly string[] {
  return head.headers.filter(([one]) => one === name).map(([, value]) => value);
}

/** `host:port` of CONNECT, and the authority of an absolute URI. Undefined when it is malformed. */
export function parseAuthority(
  text: string,
  defaultPort?: number,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(\[[0-9A-Fa-f:.]{2,45}\]|[^:@/?#[\]\s]{1,255})(?::(\d{1,5}))?$/.exec(text);
  const [, host, digits] = match ?? [];
  const port = digits === undefined ? defaultPort : Number(digits);
  if (host === undefined || port === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port };
}
