import { headerValues, parseAuthority, type HttpHead } from './http-head.ts';

/** How much of a body follows a head. */
export type BodyLength = number | 'chunked';

/** A plain request on its way through the proxy. */
export interface ForwardRequest {
  readonly host: string;
  readonly port: number;
  /** The head as it is sent to the server. */
  readonly head: Uint8Array;
  readonly body: BodyLength;
  /** The client waits to be told to send its body. */
  readonly expectsContinue: boolean;
}

/**
 * Headers that are between two neighbours (RFC 9110, 7.6.1), what only a proxy is told, and what we say anew.
 *
 * SAFETY: the length of the body is among them. `Connection` may name any header to be left out, and a server that is
 * told no length reads the body as its next request. Held by http-request.test.ts and tests/network/smuggling.
 */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'expect',
]);

/**
 * Turns a request for an absolute `http:` URI into what the server is to see. One request goes over one connection: what
 * follows its body is dropped, so that nothing reaches a server but what was judged. Undefined when it is malformed.
 */
export function forwardRequest(head: HttpHead): ForwardRequest | undefined {
  const match = /^http:\/\/([^/?#]+)([^#]*)$/i.exec(head.target);
  const authority = match === null ? undefined : parseAuthority(match[1] ?? '', 80);
  const body = bodyLength(head);
  if (authority === undefined || body === undefined) return undefined;
  const expectsContinue = headerValues(head, 'expect').some(
    (value) => value.toLowerCase() === '100-continue',
  );
  const rest = match?.[2] ?? '';
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  const named = new Set(
    headerValues(head, 'connection').flatMap((value) => value.toLowerCase().split(/[ \t]*,[ \t]*/)),
  );
  const kept = head.headers.filter(([name]) => !hopByHop.has(name) && !named.has(name));
  const lines = [
    `${head.method} ${path} HTTP/1.1`,
    `host: ${authority.port === 80 ? authority.host : `${authority.host}:${authority.port}`}`,
    ...kept.map(([name, value]) => `${name}: ${value}`),
    ...lengthLine(head, body),
    'connection: close',
  ];
  return {
    ...authority,
    head: Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'),
    body,
    expectsContinue,
  };
}

function lengthLine(head: HttpHead, body: BodyLength): readonly string[] {
  if (body === 'chunked') return ['transfer-encoding: chunked'];
  return headerValues(head, 'content-length').length === 0 ? [] : [`content-length: ${body}`];
}

/** SAFETY: a length that two programs could read differently is refused (request smuggling); http-request.test.ts holds it. */
function bodyLength(head: HttpHead): BodyLength | undefined {
  const lengths = headerValues(head, 'content-length');
  const encodings = headerValues(head, 'transfer-encoding');
  if (encodings.length > 0) {
    const isChunked = encodings.length === 1 && encodings[0]?.toLowerCase() === 'chunked';
    return isChunked && lengths.length === 0 && head.version === '1.1' ? 'chunked' : undefined;
  }
  const [length = '0'] = lengths;
  return lengths.length <= 1 && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}
