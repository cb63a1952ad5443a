import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import type Modem from 'docker-modem';
import type { EngineAddress, EngineSearch, SshAddress } from './engine-address.ts';
import { openSshStream } from './ssh-stream.ts';
import { readTlsFiles } from './read-tls-files.ts';
import type { TlsFiles } from './tls-files.ts';

/** How requests get to an engine: what docker-modem is told of it, and the pool of connections. */
export interface EngineRoute {
  readonly agent: Agent;
  readonly modem: Modem.ConstructorOptions;
}

const pool = { keepAlive: true, maxSockets: 64, maxFreeSockets: 8 } as const;

/** Everything that docker-modem would otherwise read from the environment of this process by itself. */
const nothingOfEnvironment = {
  socketPath: undefined,
  host: undefined,
  port: undefined,
  username: undefined,
  ca: undefined,
  cert: undefined,
  key: undefined,
  timeout: undefined,
} as const;

/**
 * The route to an address. `DOCKER_HOST` has been understood by `findEngine`, and only there. Nothing is connected yet.
 *
 * @throws SovereignError `config.invalid` for TLS files that cannot be used
 */
export function routeTo(address: EngineAddress, search: EngineSearch): EngineRoute {
  switch (address.kind) {
    case 'socket':
      return route(new Agent(pool), { socketPath: address.path });
    case 'ssh':
      return route(new SshAgent(address, search), { host: 'docker' });
    case 'tcp': {
      const { host, port, tls } = address;
      if (tls === undefined) return route(new Agent(pool), { host, port });
      return route(tlsAgent(host, tls), { protocol: 'https', host, port });
    }
  }
}

/** Each connection is an ssh of its own: a server allows ten sessions to one, and a pool wants more. */
class SshAgent extends Agent {
  readonly #address: SshAddress;
  readonly #search: EngineSearch;

  constructor(address: SshAddress, search: EngineSearch) {
    super(pool);
    this.#address = address;
    this.#search = search;
  }

  override createConnection(): Duplex {
    return openSshStream(this.#address, this.#search);
  }
}

/**
 * SAFETY: what stands in an agent goes before what a request asks for, so neither docker-modem nor
 * `NODE_TLS_REJECT_UNAUTHORIZED` turns the verification off. The name is that of the address: a request's own `Host`
 * header, which is `docker` for every engine, would be taken otherwise. Held by tests/docker/tls.test.ts.
 */
function tlsAgent(host: string, tls: TlsFiles): TlsAgent {
  return new TlsAgent({
    ...pool,
    ...readTlsFiles(tls),
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    // Addresses have no place in a server name; they are compared with the certificate all the same.
    servername: isIP(host) === 0 ? host : '',
  });
}

function route(agent: Agent, modem: Modem.ConstructorOptions): EngineRoute {
  return { agent, modem: { ...nothingOfEnvironment, protocol: 'http', ...modem, agent } };
}
