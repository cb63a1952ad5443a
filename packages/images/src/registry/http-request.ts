import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { quoted } from '../image-errors.ts';
import { pullFailed, Transient } from './registry-errors.ts';
import { isLoopback } from './registry-config.ts';

export interface HttpTimeouts {
  /** Until an answer begins. Default 30 s. */
  readonly responseMs: number;
  /** Between two pieces of it. Default 30 s. */
  readonly idleMs: number;
}

export interface HttpRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent only to this very host, never after a redirect to another. */
  readonly authorization?: string;
  readonly isInsecure: boolean;
  readonly method?: 'GET' | 'POST';
  readonly body?: string;
  readonly signal?: AbortSignal;
}

const maxRedirects = 5;
const redirects: readonly number[] = [301, 302, 303, 307, 308];

/** Errors after which asking again may help. */
const transientCodes =
  /^(ECONNRESET|ECONNREFUSED|ECONNABORTED|EPIPE|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ENOTFOUND|HPE_.*|ERR_STREAM_PREMATURE_CLOSE)$/;

/**
 * HTTP as registries need it, on Node's own client: fewer copies than fetch, and redirects that we follow ourselves.
 * Connections are kept; `close` ends them.
 */
export class HttpClient {
  readonly #timeouts: HttpTimeouts;
  /** Made when they are first needed: a library that pulls nothing loads no HTTP and no TLS. */
  readonly #agents = new Map<'plain' | 'secure' | 'unverified', http.Agent>();

  constructor(timeouts: HttpTimeouts) {
    this.#timeouts = timeouts;
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #agent(kind: 'plain' | 'secure' | 'unverified'): http.Agent {
    const known = this.#agents.get(kind);
    if (known !== undefined) return known;
    const agent =
      kind === 'plain'
        ? new http.Agent({ keepAlive: true })
        : new https.Agent({ keepAlive: true, rejectUnauthorized: kind === 'secure' });
    this.#agents.set(kind, agent);
    return agent;
  }

  /**
   * Asks, and follows redirects.
   *
   * SAFETY: `authorization` goes to the host it was meant for and no other (CVE-2018-1000007 and its kind); a redirect
   * never leads from TLS to plain HTTP, nor from elsewhere to this machine. tests/security/registry holds it.
   *
   * @throws Transient for what may pass, SovereignError for what will not
   */
  async request(request: HttpRequest): Promise<IncomingMessage> {
    const { authorization: credentials, ...plain } = request;
    let { url } = request;
    let authorization = credentials;
    for (let hops = 0; ; hops++) {
      const answer = await this.#once({
        ...plain,
        url,
        ...(authorization !== undefined && { authorization }),
      });
      const location = answer.headers.location;
      if (!redirects.includes(answer.statusCode ?? 0) || location === undefined) return answer;
      answer.destroy();
      if (hops >= maxRedirects) throw pullFailed(url.host, `it redirects more than ${maxRedirects} times`);
      const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
      if (next === undefined || !['http:', 'https:'].includes(next.protocol))
        throw pullFailed(url.host, `it redirects to ${quoted(location)}`);
      const isDowngrade = next.protocol === 'http:' && url.protocol === 'https:' && !request.isInsecure;
      if (isDowngrade || (isLoopback(next.host) && !isLoopback(url.host)))
        throw pullFailed(url.host, `it redirects to ${quoted(next.origin)}, which is refused`);
      if (next.origin !== url.origin) authorization = undefined;
      url = next;
    }
  }

  #once(request: HttpRequest & { readonly authorization?: string }): Promise<IncomingMessage> {
    const { url, headers, authorization, isInsecure, method = 'GET', body, signal } = request;
    const isPlain = url.protocol === 'http:';
    return new Promise((resolve, reject) => {
      const sent = (isPlain ? http : https).request(url, {
        method,
        agent: this.#agent(isPlain ? 'plain' : isInsecure ? 'unverified' : 'secure'),
        headers: {
          'user-agent': 'sovereign',
          ...headers,
          ...(authorization !== undefined && { authorization }),
        },
        ...(signal && { signal }),
      });
      const timer = setTimeout(
        () => sent.destroy(new Transient(`it did not answer within ${this.#timeouts.responseMs} ms`)),
        this.#timeouts.responseMs,
      );
      sent.once('error', (error) => {
        clearTimeout(timer);
        reject(asTransient(error));
      });
      sent.once('response', (answer) => {
        clearTimeout(timer);
        answer.setTimeout(this.#timeouts.idleMs, () =>
          answer.destroy(new Transient(`it sent nothing for ${this.#timeouts.idleMs} ms`)),
        );
        // Whoever reads the body meets its error there; who does not must not bring the process down.
        answer.on('error', () => undefined);
        resolve(answer);
      });
      sent.end(body);
    });
  }
}

/** Failures of the network as what may pass; others as they are. */
export function asTransient(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (error instanceof Transient) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return transientCodes.test(code) || error.message === 'aborted' || error.message === 'socket hang up'
    ? new Transient(`the connection failed (${code === '' ? error.message : code})`)
    : error;
}

/** Reads a small answer whole. @throws SovereignError when it is longer than it may be */
export async function readSmall(answer: IncomingMessage, maxBytes: number, host: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of answer) {
      size += (part as Buffer).byteLength;
      if (size > maxBytes) throw pullFailed(host, `its answer is longer than ${maxBytes} bytes`);
      parts.push(part as Buffer);
    }
  } catch (error) {
    throw asTransient(error);
  } finally {
    answer.destroy();
  }
  return Buffer.concat(parts);
}
