import { release } from 'node:os';
import * as v from 'valibot';
import { readAnswer } from './container-state.ts';
import type { EngineClient, EngineGreeting } from './engine-client.ts';

/** What an engine says of itself, as far as it changes what we do. */
export interface EngineFacts {
  /** `Docker` or `Podman`. */
  readonly product: 'Docker' | 'Podman';
  readonly version: string;
  readonly apiVersion: string;
  /** `linux` */
  readonly os: string;
  /** Its root is a user of the host (rootless), or it gives containers a user namespace (userns-remap). */
  readonly hasUserNamespace: boolean;
  /** Root of a container is the user that the engine runs as. */
  readonly isRootless: boolean;
  /** It runs under the kernel of this process: paths and sockets of this host are its own. */
  readonly isSameHost: boolean;
  readonly storage: string;
}

const text = v.optional(v.pipe(v.string(), v.maxLength(1_024)), '');
const infoSchema = v.object({
  ServerVersion: text,
  OperatingSystem: text,
  OSType: text,
  KernelVersion: text,
  Driver: text,
  SecurityOptions: v.optional(v.nullable(v.array(v.string()))),
});

/** Asks an engine what it is. @throws SovereignError `engine.unavailable`, `engine.failed` */
export async function askEngine(client: EngineClient): Promise<EngineFacts> {
  const greeting = await client.greeting();
  const info = await client.json({ method: 'GET', path: '/info', timeoutMs: 10_000 });
  return readFacts(greeting, info, client.address()?.kind === 'socket');
}

/** @throws SovereignError `engine.failed` for an answer that is no engine's */
export function readFacts(greeting: EngineGreeting, info: unknown, isSocket: boolean): EngineFacts {
  const said = readAnswer(infoSchema, info, 'itself');
  const options = said.SecurityOptions ?? [];
  const isRootless = options.some((option) => option.includes('name=rootless'));
  return {
    product: greeting.isPodman ? 'Podman' : 'Docker',
    version: said.ServerVersion,
    apiVersion: greeting.apiVersion,
    os: said.OSType,
    isRootless,
    hasUserNamespace: isRootless || options.some((option) => option.includes('name=userns')),
    // Docker Desktop listens on a socket of this host and runs in a virtual machine.
    isSameHost:
      isSocket &&
      process.platform === 'linux' &&
      said.KernelVersion === release() &&
      !said.OperatingSystem.startsWith('Docker Desktop'),
    storage: said.Driver,
  };
}
