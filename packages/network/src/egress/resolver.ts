import { lookup } from 'node:dns/promises';
import { SovereignError } from '@sovereign/protocol';
import { parseIp, type IpAddress } from '../rules/ip-address.ts';

/** Addresses of a name, in the order in which they are to be tried. */
export type Resolve = (name: string) => Promise<readonly string[]>;

/** Most addresses of one name that are looked at. */
const maxAddresses = 16;

/** The host's own resolver, with its hosts file and search order. */
export const systemResolve: Resolve = async (name) => {
  const found = await lookup(name, { all: true, verbatim: true });
  return found.map(({ address }) => address);
};

/**
 * A resolver of which few calls run at once: getaddrinfo blocks a thread of Node's pool of four, which files of this process
 * need too.
 */
export class BoundedResolver {
  readonly #resolve: Resolve;
  readonly #maxAtOnce: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(resolve: Resolve, maxAtOnce = 2) {
    this.#resolve = resolve;
    this.#maxAtOnce = maxAtOnce;
  }

  /** @throws SovereignError `tunnel.refused` when it is not found, or not in time */
  async addressesOf(name: string, timeoutMs: number): Promise<readonly IpAddress[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(notResolved(name, `no answer within ${timeoutMs} ms`));
      }, timeoutMs);
    });
    try {
      const texts = await Promise.race([this.#inTurn(name), late]);
      const addresses = texts.slice(0, maxAddresses).map(parseIp);
      const good = addresses.filter((address) => address !== undefined);
      if (good.length === 0) throw notResolved(name, 'it has no address');
      return good;
    } catch (error) {
      if (error instanceof SovereignError) throw error;
      throw notResolved(name, error instanceof Error && 'code' in error ? String(error.code) : 'it failed');
    } finally {
      clearTimeout(timer);
    }
  }

  async #inTurn(name: string): Promise<readonly string[]> {
    if (this.#running >= this.#maxAtOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await this.#resolve(name);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

function notResolved(name: string, why: string): SovereignError {
  return new SovereignError({
    reason: 'tunnel.refused',
    message: `The name was not resolved: ${name} (${why}).`,
    hint: 'Check the name, and the DNS of this host.',
  });
}
