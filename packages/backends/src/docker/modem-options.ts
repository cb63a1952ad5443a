import { readFileSync } from 'node:fs';
import type { Agent } from 'node:http';
import type Modem from 'docker-modem';
import type { EngineAddress } from './engine-address.ts';

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

/** What docker-modem is told of an engine. `DOCKER_HOST` has been understood by `findEngine`, and only there. */
export function modemOptions(address: EngineAddress, agent: Agent): Modem.ConstructorOptions {
  const base: Modem.ConstructorOptions = { ...nothingOfEnvironment, protocol: 'http', agent };
  switch (address.kind) {
    case 'socket':
      return { ...base, socketPath: address.path };
    case 'ssh': {
      const { host, port, user } = address;
      const agentSocket = process.env['SSH_AUTH_SOCK'];
      return {
        ...nothingOfEnvironment,
        protocol: 'ssh',
        host,
        port,
        ...(user === '' ? {} : { username: user }),
        ...(agentSocket === undefined ? {} : { sshOptions: { agent: agentSocket } }),
      };
    }
    case 'tcp': {
      const { host, port, tls } = address;
      if (tls === undefined) return { ...base, host, port };
      const files = { ca: readFileSync(tls.ca), cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
      return { ...base, protocol: 'https', host, port, ...files };
    }
  }
}
