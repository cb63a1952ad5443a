import { SovereignError } from '@sovereign/protocol';
import { toSovereignError, type Tunnel } from '@sovereign/core';
import { carry } from '../carry/carry.ts';
import type { ByteReader } from './byte-reader.ts';
import { denialOf, type EgressGate, type Reached } from './egress-gate.ts';
import { endOfHead, maxHeadBytes, parseAuthority, parseHttpHead, type HttpHead } from './http-head.ts';
import { forwardRequest, type ForwardRequest } from './http-request.ts';
import type { EgressLimits } from './limits.ts';
import { requestBody } from './request-body.ts';
import { guardServerName } from './server-name-guard.ts';

/** One connection to the proxy that speaks HTTP. */
export interface EgressSession {
  readonly near: Tunnel;
  readonly reader: ByteReader;
  readonly gate: EgressGate;
  readonly limits: EgressLimits;
  /** The request is there: the deadline for it is over. */
  readonly onRequest: () => void;
}

const statusOf: Readonly<Record<string, string>> = {
  'argument.invalid': '400 Bad Request',
  'egress.denied': '403 Forbidden',
  'argument.too-large': '431 Request Header Fields Too Large',
  'guest.exhausted': '429 Too Many Requests',
  'tunnel.refused': '502 Bad Gateway',
};

/** Serves CONNECT, or one plain request for an absolute URI. */
export async function serveHttp(session: EgressSession): Promise<void> {
  const { near } = session;
  let start: () => Promise<void>;
  try {
    const head = await readHead(session.reader);
    if (head === undefined) {
      near.reset();
      return;
    }
    session.onRequest();
    start =
      head.method === 'CONNECT' ? await prepareConnect(session, head) : await prepareForward(session, head);
  } catch (error) {
    await answerFailure(near, toSovereignError(error));
    return;
  }
  await start();
}

async function readHead(reader: ByteReader): Promise<HttpHead | undefined> {
  for (;;) {
    const end = endOfHead(reader.held);
    if ((end ?? reader.held.length) > maxHeadBytes) throw headTooLarge();
    if (end !== undefined) {
      const head = parseHttpHead(reader.take(end));
      if (head === undefined) throw malformed('the request is not HTTP/1.1 as RFC 9112 has it');
      return head;
    }
    if (!(await reader.more())) return undefined;
  }
}

async function prepareConnect(session: EgressSession, head: HttpHead): Promise<() => Promise<void>> {
  const authority = parseAuthority(head.target);
  if (authority === undefined) throw malformed('CONNECT needs host:port');
  const reached = await session.gate.reach(authority.host, authority.port);
  return async () => {
    await session.near.write(Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n'));
    await carryGuarded(session, reached, authority.port);
  };
}

/** Joins both, and lets TLS only ask for the name that was judged. */
export async function carryGuarded(session: EgressSession, reached: Reached, port: number): Promise<void> {
  const { near, reader, gate, limits } = session;
  const { name } = reached;
  const outgoing =
    name === undefined
      ? reader.rest()
      : guardServerName(reader, {
          name,
          timeoutMs: limits.headTimeoutMs,
          onMismatch: (asked) => gate.mismatch(asked, name, port),
        });
  await carry(withBytes(near, outgoing), reached.tunnel, { idleMs: limits.idleTimeoutMs });
}

async function prepareForward(session: EgressSession, head: HttpHead): Promise<() => Promise<void>> {
  const request = forwardRequest(head);
  if (request === undefined)
    throw malformed('a proxy takes CONNECT and absolute http: URIs, with one clear length of the body');
  const reached = await session.gate.reach(request.host, request.port);
  return () => forward(session, reached, request);
}

async function forward(session: EgressSession, reached: Reached, request: ForwardRequest): Promise<void> {
  const { near, reader, limits } = session;
  if (request.expectsContinue) await near.write(Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'));
  const body = requestBody(reader.rest(), request.body);
  // The server ends the answer by closing; the end of the request must not, for some servers take that for a hang-up.
  const far = { ...halves(reached.tunnel), end: () => undefined };
  const outgoing = (async function* () {
    yield request.head;
    yield* body;
  })();
  await carry(withBytes(near, outgoing), far, { idleMs: limits.idleTimeoutMs });
  reached.tunnel.reset();
}

/** A connection whose incoming bytes are others. */
function withBytes(tunnel: Tunnel, bytes: AsyncIterable<Uint8Array>): Tunnel {
  return { ...halves(tunnel), [Symbol.asyncIterator]: () => bytes[Symbol.asyncIterator]() };
}

function halves(tunnel: Tunnel): Tunnel {
  return {
    [Symbol.asyncIterator]: () => tunnel[Symbol.asyncIterator](),
    write: (bytes) => tunnel.write(bytes),
    end: () => {
      tunnel.end();
    },
    reset: () => {
      tunnel.reset();
    },
    closed: tunnel.closed,
  };
}

async function answerFailure(near: Tunnel, error: SovereignError): Promise<void> {
  const denial = denialOf(error);
  const body = Buffer.from(
    `${JSON.stringify({ reason: error.reason, message: error.message, hint: error.hint, ...(denial && { denial }) })}\n`,
  );
  const lines = [
    `HTTP/1.1 ${statusOf[error.reason] ?? '500 Internal Server Error'}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    'connection: close',
    ...(denial === null ? [] : ['proxy-status: sovereign; error=http_request_denied']),
  ];
  await near.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]));
  near.end();
}

function malformed(why: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `The request to the egress proxy is malformed: ${why}.`,
    hint: 'Use an HTTP client with a proxy setting, or SOCKS5.',
  });
}

function headTooLarge(): SovereignError {
  return new SovereignError({
    reason: 'argument.too-large',
    message: `The head of the request is too large (at most ${maxHeadBytes} bytes).`,
    hint: 'Send fewer or shorter headers.',
  });
}
