import type { IncomingMessage } from 'node:http';
import { corrupt, imageNotFound, quoted } from '../image-errors.ts';
import { maxManifestBytes } from '../manifest/manifest.ts';
import { indexTypes, manifestTypes } from '../manifest/media-types.ts';
import { digestOf, isDigest, type Digest } from '../reference/digest.ts';
import { Authorizer } from './authorizer.ts';
import type { Credentials } from './credentials.ts';
import { type HttpClient, readSmall } from './http-request.ts';
import type { Endpoint } from './registry-config.ts';
import { denied, pullFailed, Transient } from './registry-errors.ts';
import { retried, type RetryPolicy } from './retry.ts';

export interface RepositoryClientInit {
  readonly http: HttpClient;
  readonly endpoint: Endpoint;
  readonly repository: string;
  readonly findCredentials: (host: string) => Promise<Credentials | undefined>;
  readonly retry: RetryPolicy;
}

export interface FetchedManifest {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly mediaType: string;
}

const maxWaitMs = 30_000;

/** One repository at one endpoint, over the OCI distribution API. */
export class RepositoryClient {
  readonly #init: RepositoryClientInit;
  readonly #authorizer: Authorizer;
  /** Which of the endpoint's URLs answers: found out once. */
  #base: Promise<string> | undefined;

  constructor(init: RepositoryClientInit) {
    const { http, endpoint, repository, findCredentials } = init;
    this.#init = init;
    this.#authorizer = new Authorizer({
      http,
      host: endpoint.host,
      repository,
      isInsecure: endpoint.isInsecure,
      findCredentials: () => findCredentials(endpoint.host),
    });
  }

  get host(): string {
    return this.#init.endpoint.host;
  }

  /** Fetches a manifest or index by tag or digest, and checks its digest. @throws SovereignError of reason `image.…` */
  manifest(name: string, signal?: AbortSignal): Promise<FetchedManifest> {
    return retried(this.#init.retry, this.host, signal, async () => {
      const accept = [...manifestTypes, ...indexTypes].join(', ');
      const answer = await this.#get(`manifests/${name}`, { accept }, signal);
      if (answer.statusCode !== 200) await this.#refuse(answer, name);
      const stated = answer.headers['docker-content-digest'];
      const mediaType = (answer.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
      const bytes = await readSmall(answer, maxManifestBytes, this.host);
      const digest = digestOf(bytes);
      // SAFETY: what was asked for by digest has it, and a registry that contradicts itself is not believed.
      const expected = isDigest(name)
        ? name
        : typeof stated === 'string' && isDigest(stated)
          ? stated
          : digest;
      if (digest !== expected)
        throw corrupt(
          `the manifest ${quoted(name)} of ${quoted(this.host)} has the digest ${digest}, not ${expected}`,
          {
            expected,
            found: digest,
          },
        );
      return { bytes, digest, mediaType };
    });
  }

  /** Begins to fetch a blob at `offset`; status 200, 206 or 416. One try. @throws Transient, SovereignError */
  async blob(digest: Digest, offset: number, signal?: AbortSignal): Promise<IncomingMessage> {
    const headers = {
      accept: '*/*',
      'accept-encoding': 'identity',
      ...(offset > 0 && { range: `bytes=${offset}-` }),
    };
    const answer = await this.#get(`blobs/${digest}`, headers, signal);
    if (![200, 206, 416].includes(answer.statusCode ?? 0)) await this.#refuse(answer, digest);
    return answer;
  }

  async #get(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    const { http, endpoint, repository } = this.#init;
    const base = await this.#chooseBase(signal);
    const url = new URL(`${base}/v2/${repository}/${path}`);
    for (let tries = 0; ; tries++) {
      const authorization = await this.#authorizer.current();
      const answer = await http.request({
        url,
        headers,
        isInsecure: endpoint.isInsecure,
        ...(authorization !== undefined && { authorization }),
        ...(signal && { signal }),
      });
      // A token may have expired since; the second refusal in a row counts.
      if (answer.statusCode !== 401 || tries >= 1) return answer;
      answer.destroy();
      await this.#authorizer.answer(answer.headers['www-authenticate'], authorization, signal);
    }
  }

  /** Where more than one URL may answer (TLS, or else plain HTTP), asks which does. */
  async #chooseBase(signal: AbortSignal | undefined): Promise<string> {
    const [first, ...others] = this.#init.endpoint.bases;
    if (others.length === 0 || first === undefined) return first ?? '';
    this.#base ??= this.#probe(first, others[0] ?? first, signal);
    return this.#base.catch((error: unknown) => {
      this.#base = undefined;
      throw error;
    });
  }

  async #probe(secure: string, plain: string, signal: AbortSignal | undefined): Promise<string> {
    try {
      const answer = await this.#init.http.request({
        url: new URL(`${secure}/v2/`),
        headers: {},
        isInsecure: this.#init.endpoint.isInsecure,
        ...(signal && { signal }),
      });
      answer.destroy();
      return secure;
    } catch (error) {
      signal?.throwIfAborted();
      const isSlow = error instanceof Transient && error.message.startsWith('it did not answer');
      if (isSlow) throw error;
      return plain;
    }
  }

  async #refuse(answer: IncomingMessage, what: string): Promise<never> {
    const status = answer.statusCode ?? 0;
    const after = Number(answer.headers['retry-after'] ?? 0);
    answer.destroy();
    const { repository } = this.#init;
    if (status === 404)
      throw imageNotFound(`${this.host}/${repository}@${what}`.replace(/@(?!sha256:)/, ':'));
    if (status === 401 || status === 403)
      throw denied(this.host, repository, await this.#authorizer.hasCredentials());
    if (status === 429 || status === 408 || status >= 500)
      throw new Transient(
        `it answered ${status}`,
        Number.isFinite(after) ? Math.min(after * 1000, maxWaitMs) : 0,
      );
    throw pullFailed(this.host, `it answered ${status} for ${quoted(what)}`);
  }
}
