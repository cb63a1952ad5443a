import type { Agent, IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import type Modem from 'docker-modem';
import { SovereignError } from '@sovereign/protocol';
import { parseBoundedJson, throwIfCancelled } from '@sovereign/core';
import { askEngine } from './ask-engine.ts';
import { addressText, findEngine, type EngineAddress, type EngineSearch } from './engine-address.ts';
import { connectionFailed, EngineRefusal, engineUnavailable } from './engine-errors.ts';

/** One request of the engine's HTTP API. */
export interface EngineCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  /** Without version: `/containers/json`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is: a tar archive. */
  readonly file?: Buffer | Readable;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Until the whole answer has come. Default 60,000; null: as long as it takes. */
  readonly timeoutMs?: number | null;
}

const defaultTimeoutMs = 60_000;
/** Answers are an engine's, but hold what guests and images have named: bounded before they are parsed. */
const answerLimits = { maxBytes: 64 * 1024 * 1024, maxDepth: 64 } as const;
const maxRefusalBytes = 65_536;
/** Newest API that this was written for; an older engine is spoken to in its own. */
const newestApi = '1.47';
/** Podman's own API, for what its Docker-compatible one lacks. */
const podmanPrefix = '/v4.0.0';
const pingPath = '/_ping';
export const oldestApi = '1.40';

/** What an engine says of itself before anything else. */
export interface EngineGreeting {
  readonly apiVersion: string;
  readonly isPodman: boolean;
}

interface Connection {
  readonly modem: Modem;
  readonly agent: Agent;
  readonly address: EngineAddress;
  greeting: Promise<EngineGreeting> | undefined;
}

/** Speaks the HTTP API of a Docker-compatible engine, over docker-modem (ADR 0010), which is loaded at the first call. */
export class EngineClient {
  readonly #search: EngineSearch;
  #connection: Promise<Connection> | undefined;

  constructor(search: EngineSearch) {
    this.#search = search;
  }

  /** Where the engine is, as far as that can be known without asking it. @throws SovereignError `config.invalid` */
  address(): EngineAddress | undefined {
    return findEngine(this.#search);
  }

  /** The parsed answer; undefined when it is empty. @throws EngineRefusal, SovereignError `engine.unavailable` */
  async json(call: EngineCall): Promise<unknown> {
    const text = await this.text(call);
    if (text.trim() === '') return undefined;
    try {
      return parseBoundedJson(text, answerLimits);
    } catch (error) {
      throw new SovereignError({
        reason: 'engine.failed',
        message: `The answer of the container engine to ${call.path} cannot be read: ${error instanceof Error ? error.message.slice(0, 200) : 'unknown error'}.`,
        hint: 'Is a Docker-compatible engine behind that address?',
        cause: error,
      });
    }
  }

  async text(call: EngineCall): Promise<string> {
    const { timeoutMs = defaultTimeoutMs } = call;
    const limit = timeoutMs === null ? undefined : AbortSignal.timeout(timeoutMs);
    const signals = [call.signal, limit].filter((signal) => signal !== undefined);
    const signal = signals.length === 0 ? undefined : AbortSignal.any(signals);
    return this.#guarded(call.signal, async (connection) => {
      const response = await this.#open(connection, { ...call, ...(signal && { signal }) });
      return readText(response, answerLimits.maxBytes);
    });
  }

  /** The body as it comes. The caller reads or destroys it. @throws EngineRefusal, SovereignError `engine.unavailable` */
  stream(call: EngineCall): Promise<IncomingMessage> {
    return this.#guarded(call.signal, (connection) => this.#open(connection, call));
  }

  /** Turns the connection of a call into a byte stream both ways (Docker's `Upgrade: tcp`). */
  hijack(call: EngineCall): Promise<Duplex> {
    return this.#guarded(call.signal, async (connection) => {
      const path = await this.#versioned(connection, call.path);
      return new Promise<Duplex>((resolve, reject) => {
        connection.modem.dial(
          { ...dialOptions(path, call), hijack: true, openStdin: true, isStream: true, statusCodes: {} },
          (error: unknown, stream: unknown) => {
            if (isDuplex(stream)) resolve(stream);
            else reject(asRefusal(error));
          },
        );
      });
    });
  }

  /** Forgets the connection; the next call makes a new one, to whatever engine is there then. */
  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.then(
      ({ agent }) => agent.destroy(),
      () => undefined,
    );
  }

  /** Who answers, asked once a connection. @throws SovereignError `engine.unavailable`, `engine.failed` */
  greeting(): Promise<EngineGreeting> {
    return this.#guarded(undefined, (connection) => (connection.greeting ??= this.#greet(connection)));
  }

  async #guarded<T>(
    signal: AbortSignal | undefined,
    act: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    throwIfCancelled(signal);
    this.#connection ??= this.#connect();
    const attempt = this.#connection;
    let where = 'its usual places';
    try {
      const connection = await attempt;
      where = addressText(connection.address);
      return await act(connection);
    } catch (error) {
      if (error instanceof EngineRefusal || error instanceof SovereignError) {
        if (error instanceof SovereignError && this.#connection === attempt) this.#connection = undefined;
        throw error;
      }
      throwIfCancelled(signal);
      // Another engine, or the same one after a restart, may answer next time.
      if (this.#connection === attempt) await this.close();
      throw connectionFailed(where, isTimeout(error) ? timedOut() : error);
    }
  }

  async #connect(): Promise<Connection> {
    const address = this.address();
    if (address === undefined) throw engineUnavailable('its usual places', noSocket());
    // Loaded here: who never speaks to an engine pays for none of it.
    const [{ default: ModemClass }, { routeTo }] = await Promise.all([
      import('docker-modem'),
      import('./engine-route.ts'),
    ]);
    const { agent, modem } = routeTo(address, this.#search);
    return { modem: new ModemClass(modem), agent, address, greeting: undefined };
  }

  async #open(connection: Connection, call: EngineCall): Promise<IncomingMessage> {
    const path = await this.#versioned(connection, call.path);
    const response = await askEngine(connection, dialOptions(path, call));
    const status = response.statusCode ?? 0;
    if (status < 400) return response;
    throw new EngineRefusal(status, messageOf(await readText(response, maxRefusalBytes)));
  }

  async #versioned(connection: Connection, path: string): Promise<string> {
    if (path === pingPath) return path;
    if (path.startsWith('/libpod/')) return `${podmanPrefix}${path}`;
    return `/v${await this.#version(connection)}${path}`;
  }

  async #version(connection: Connection): Promise<string> {
    connection.greeting ??= this.#greet(connection);
    const { apiVersion } = await connection.greeting;
    return isOlder(apiVersion, newestApi) ? apiVersion : newestApi;
  }

  /** Its headers say it all: the same in Podman's `/version` takes a second. */
  async #greet(connection: Connection): Promise<EngineGreeting> {
    const signal = AbortSignal.timeout(defaultTimeoutMs);
    const response = await this.#open(connection, { method: 'GET', path: pingPath, signal });
    await readText(response, 1_024);
    const apiVersion = response.headers['api-version'];
    if (typeof apiVersion !== 'string' || !/^\d{1,2}\.\d{1,3}$/.test(apiVersion)) {
      throw new SovereignError({
        reason: 'engine.failed',
        message: `What answers at ${addressText(connection.address)} is no Docker-compatible engine: it names no API version.`,
        hint: 'Correct DOCKER_HOST or the Docker context.',
      });
    }
    return { apiVersion, isPodman: response.headers['libpod-api-version'] !== undefined };
  }
}

/** Versions of the API by number, not by text. */
export function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = than.split('.').map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

function dialOptions(path: string, call: EngineCall): Modem.DialOptions {
  const query = Object.fromEntries(
    Object.entries(call.query ?? {}).filter(([, value]) => value !== undefined),
  );
  return {
    method: call.method,
    // docker-modem puts the query behind a question mark that is there already.
    path: `${path}?`,
    options: { _query: query, _body: call.body ?? {} },
    headers: { Host: 'docker', ...call.headers },
    ...(call.file === undefined ? {} : { file: call.file }),
    ...(call.signal === undefined ? {} : { abortSignal: call.signal }),
  };
}

async function readText(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > maxBytes) {
      response.destroy();
      throw new Error(`an answer of more than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** `{"message": …}` of Docker, `{"cause": …, "message": …}` of Podman, or plain text. */
function messageOf(text: string): string {
  try {
    const answer = parseBoundedJson(text, { maxBytes: maxRefusalBytes, maxDepth: 8 });
    if (typeof answer === 'object' && answer !== null && 'message' in answer) return String(answer.message);
  } catch {
    // Plain text, then.
  }
  return text;
}

function asRefusal(error: unknown): Error {
  if (!(error instanceof Error)) return new Error('the engine did not hand the connection over');
  if ('statusCode' in error && typeof error.statusCode === 'number')
    return new EngineRefusal(error.statusCode, error.message);
  return error;
}

function isDuplex(value: unknown): value is Duplex {
  return typeof value === 'object' && value !== null && 'write' in value && 'pipe' in value;
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError');
}

function timedOut(): Error {
  return Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
}

function noSocket(): Error {
  return Object.assign(new Error('no socket'), { code: 'ENOENT' });
}
