import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  createDockerBackend,
  createDockerSandboxBackend,
  createFirecrackerBackend,
  createProcessBackend,
  createQemuBackend,
  createQuiltBackend,
} from '@sovereign/backends';
import {
  FileLedger,
  loadUserConfig,
  preparePrivateDirectory,
  SovereignRuntime,
  statePaths,
  type Backend,
  type Brokering,
  type StatePaths,
  type UserConfig,
} from '@sovereign/core';
import { connectGuestChannel, findShelld } from '@sovereign/guest';
import { BrokerRecords, NetworkBroker, type EgressLimits, type Resolve } from '@sovereign/network';
import { currentUser } from './current-user.ts';
import { findPythonLibrary } from './engine-paths.ts';

export interface EngineOptions {
  /** Directory for all state, ledger and sockets instead of the XDG ones. Default: `SOVEREIGN_HOME`, else XDG. Keep it short. */
  readonly home?: string;
  /** Who asks, for the ledger. Default `sdk`. */
  readonly via?: string;
  /** Default: the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Backends instead of those of this build; for tests. */
  readonly backends?: readonly Backend[];
  /** How egress resolves names, and what bounds it. Default: as the host does, and the defaults of the broker. */
  readonly network?: { readonly resolve?: Resolve; readonly limits?: Partial<EgressLimits> };
  /** This process exists for the links, ports and egress that it holds. Default false. */
  readonly isBroker?: boolean;
}

/** Everything put together: what the daemon will serve, and what the sdk runs embedded. */
export interface Engine {
  readonly runtime: SovereignRuntime;
  readonly brokering: Brokering;
  readonly paths: StatePaths;
  /** What sandboxes can run on, strongest first. */
  readonly backends: readonly Backend[];
  /** Directory of the Python action library that guests get; undefined when there is none. */
  readonly pythonPath: string | undefined;
}

/**
 * Puts an engine together. Nothing is started or written before the first action.
 *
 * @throws SovereignError `config.invalid`, `shelld.missing`, or `argument.invalid` for a bad home.
 */
export function openEngine(options: EngineOptions = {}): Engine {
  const env = options.env ?? process.env;
  const uid = process.getuid?.() ?? 0;
  const home = homedir();
  const paths = statePaths({
    env: options.home === undefined ? env : { ...env, SOVEREIGN_HOME: options.home },
    home,
    uid,
  });
  const config = loadUserConfig(paths.configFile);
  const pythonPath = findPythonLibrary(env);
  const backends = options.backends ?? defaultBackends({ paths, env, home, config }, pythonPath);
  const brokering = new NetworkBroker({
    records: new BrokerRecords(join(paths.stateDir, 'brokers'), options.isBroker === true),
    ...options.network,
  });
  const runtime = new SovereignRuntime({
    backends,
    brokering,
    ledger: new FileLedger({
      directory: paths.ledgerDir,
      ...(config.ledger?.fsync && { fsync: config.ledger.fsync }),
    }),
    actor: { via: options.via ?? 'sdk', user: currentUser(uid) },
    openChannel: (stream) => connectGuestChannel(stream),
    config,
    activityDirectory: join(paths.stateDir, 'activity'),
    protectedPaths: [paths.stateDir, paths.ledgerDir, paths.imagesDir, paths.runtimeDir],
    owner: { uid, home },
  });
  return { runtime, brokering, paths, backends, pythonPath };
}

interface Surroundings {
  readonly paths: StatePaths;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly config: UserConfig;
}

function defaultBackends(
  { paths, env, home, config }: Surroundings,
  pythonPath: string | undefined,
): readonly Backend[] {
  preparePrivateDirectory(paths.runtimeDir);
  const shared = {
    stateDirectory: paths.stateDir,
    runtimeDirectory: paths.runtimeDir,
    shelldPath: findShelld(env),
    ...(pythonPath !== undefined && { pythonPath }),
  };
  const maxLayerBytes = config.images?.maxLayerBytes;
  const images = {
    env,
    home,
    ...(config.registries && { registries: config.registries }),
    ...(maxLayerBytes !== undefined && { limits: { maxLayerBytes } }),
  };
  const kernelPath = env['SOVEREIGN_MICROVM_KERNEL'];
  const machines = {
    ...shared,
    imageDirectory: paths.imagesDir,
    ...(kernelPath !== undefined && kernelPath !== '' && { kernelPath }),
  };
  const quilt = createQuiltBackend({ ...shared, images });
  return [
    createFirecrackerBackend(machines),
    createQemuBackend({ ...machines, images: () => quilt.images }),
    createDockerSandboxBackend({ ...shared, env }),
    quilt,
    createDockerBackend({ ...shared, env }),
    createProcessBackend(shared),
  ];
}
