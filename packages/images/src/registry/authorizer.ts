import { parseBoundedJson } from '@sovereign/core';
import * as v from 'valibot';
import { quoted } from '../image-errors.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { type HttpClient, readSmall } from './http-request.ts';
import { isLoopback } from './registry-config.ts';
import { denied, pullFailed, Transient } from './registry-errors.ts';

const maxTokenBytes = 256 * 1024;
const limits = { maxBytes: maxTokenBytes, maxDepth: 8 } as const;
const schema = v.object({ token: v.optional(v.string()), access_token: v.optional(v.string()) });

export interface AuthorizerInit {
  readonly http: HttpClient;
  /** Of the registry, for messages. */
  readonly host: string;
  readonly repository: string;
  readonly isInsecure: boolean;
  readonly findCredentials: () => Promise<Credentials | undefined>;
}

/** Answers the challenges of one registry for one repository, and remembers the answer (distribution, token spec). */
export class Authorizer {
  readonly #init: AuthorizerInit;
  #credentials: Promise<Credentials | undefined> | undefined;
  #answer: Promise<string> | undefined;

  constructor(init: AuthorizerInit) {
    this.#init = init;
  }

  /** Value of the header to send, undefined as long as nothing was asked for. */
  async current(): Promise<string | undefined> {
    return this.#answer;
  }

  /**
   * Answers a refusal. `refused` is what had been sent: when that is still the newest, a new one is made, once for all who
   * ask at the same time.
   *
   * @throws SovereignError `image.denied`
   */
  async answer(
    header: string | undefined,
    refused: string | undefined,
    signal?: AbortSignal,
  ): Promise<string> {
    const known = await this.#answer?.catch(() => undefined);
    if (known !== undefined && known !== refused) return known;
    this.#answer = this.#make(parseChallenges(header ?? ''), signal);
    return this.#answer.catch((error: unknown) => {
      this.#answer = undefined;
      throw error;
    });
  }

  async hasCredentials(): Promise<boolean> {
    return (await this.#credentials) !== undefined;
  }

  async #make(challenges: readonly Challenge[], signal: AbortSignal | undefined): Promise<string> {
    this.#credentials ??= this.#init.findCredentials();
    const credentials = await this.#credentials;
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) return `Bearer ${await this.#token(bearer, credentials, signal)}`;
    if (challenges.some(({ scheme }) => scheme === 'basic') && credentials?.kind === 'password')
      return basic(credentials);
    throw denied(this.#init.host, this.#init.repository, credentials !== undefined);
  }

  async #token(
    bearer: Challenge,
    credentials: Credentials | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const { http, host, repository, isInsecure } = this.#init;
    const realm = bearer.parameters.get('realm') ?? '';
    if (!URL.canParse(realm)) throw pullFailed(host, `its token service is ${quoted(realm)}`);
    const url = new URL(realm);
    // SAFETY: credentials never travel in the clear, unless the user's configuration allows that for this registry, and
    // a registry elsewhere does not have us ask this machine.
    const isPlain = url.protocol === 'http:' && !isLoopback(url.host) && !isInsecure;
    if (isPlain || !['http:', 'https:'].includes(url.protocol) || (isLoopback(url.host) && !isLoopback(host)))
      throw pullFailed(host, `its token service is ${quoted(url.origin)}, which is refused`);
    const service = bearer.parameters.get('service');
    const scope = bearer.parameters.get('scope') ?? `repository:${repository}:pull`;
    const isIdentity = credentials?.kind === 'identity';
    const fields = new URLSearchParams({ ...(service !== undefined && { service }), scope });
    if (isIdentity) {
      fields.set('grant_type', 'refresh_token');
      fields.set('refresh_token', credentials.token);
      fields.set('client_id', 'sovereign');
    } else {
      for (const [key, value] of fields) url.searchParams.set(key, value);
    }
    const answer = await http.request({
      url,
      headers: {
        accept: 'application/json',
        ...(isIdentity && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      isInsecure,
      ...(isIdentity ? { method: 'POST' as const, body: fields.toString() } : {}),
      ...(credentials?.kind === 'password' && { authorization: basic(credentials) }),
      ...(signal && { signal }),
    });
    const status = answer.statusCode ?? 0;
    const body = await readSmall(answer, maxTokenBytes, host);
    if (status === 401 || status === 403 || status === 400)
      throw denied(host, repository, credentials !== undefined);
    if (status >= 500 || status === 429) throw new Transient(`its token service answered ${status}`);
    const token = status === 200 ? tokenOf(body) : undefined;
    if (token === undefined) throw pullFailed(host, `its token service gave no token (${status})`);
    return token;
  }
}

function tokenOf(body: Buffer): string | undefined {
  try {
    const { token, access_token } = v.parse(schema, parseBoundedJson(body.toString('utf8'), limits));
    const found = token ?? access_token ?? '';
    // It becomes a header.
    return /^[\x21-\x7e]+$/.test(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function basic(credentials: { readonly user: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
}
