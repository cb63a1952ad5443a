import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDockerBackend, type DockerOptions } from '@sovereign/backends';
import { findShelld } from '@sovereign/guest';
import type { Absence, BackendDirectories } from '@sovereign/testkit';
import { afterAll } from 'vitest';
import { Cleanup } from '../../scripts/bench/cleanup.ts';
import { startPrivateDocker, type PrivateDockerOptions } from '../../scripts/bench/peers/docker.ts';
import { startPrivatePodman } from '../../scripts/bench/peers/podman.ts';
import type { RealRegistry } from '../images/real-registry.ts';
import type { PresentTier } from './tiers.ts';

export type EngineName = 'docker' | 'podman';

/** A container engine of this test file's own, or why there is none. */
export interface TestEngine {
  readonly name: EngineName;
  readonly absence: Absence;
  /** `unix://…` */
  readonly host: string;
  /** A backend on it. */
  backend(
    directories: BackendDirectories,
    options?: Partial<DockerOptions>,
  ): ReturnType<typeof createDockerBackend>;
}

export interface EngineStart {
  /** Where a Docker listens besides its socket, on the loopback of this host. */
  readonly listenArgs?: PrivateDockerOptions['listenArgs'];
  /** What is in it can be pulled, under the same names as here. */
  readonly registry?: RealRegistry;
}

const pythonPath = fileURLToPath(new URL('../../python', import.meta.url));

/**
 * Starts an engine in namespaces and directories of its own, for one test file; it ends with the file, and also when the
 * tests are killed. It has no network but a loopback of its own, and nothing to pull from but the registry it is given.
 */
export async function startEngine(
  name: EngineName,
  { listenArgs, registry }: EngineStart = {},
): Promise<TestEngine> {
  const cleanup = new Cleanup();
  // Short: a socket path has 107 bytes at most.
  const directory = mkdtempSync(`/tmp/sve-`);
  cleanup.defer(() => rmSync(directory, { recursive: true, force: true }));
  afterAll(() => cleanup.run());
  let socketPath = '';
  let absence: Absence = { isMissing: false };
  try {
    mkdirSync(join(directory, 'e'), { mode: 0o700 });
    const setup = registry === undefined ? '' : serveInside(registry);
    const where = { directory: join(directory, 'e'), cleanup, setup };
    socketPath = await (name === 'docker'
      ? startPrivateDocker({ ...where, ...(listenArgs && { listenArgs }) })
      : startPrivatePodman({ ...where, ...(registry && { plainRegistry: registry.host }) }));
  } catch (error) {
    absence = { isMissing: true, reason: error instanceof Error ? error.message : String(error) };
  }
  const host = `unix://${socketPath}`;
  return {
    name,
    absence,
    host,
    backend: ({ stateDir }, options = {}) =>
      createDockerBackend({
        stateDirectory: stateDir,
        shelldPath: findShelld(),
        pythonPath,
        host,
        env: {},
        ...options,
      }),
  };
}

/** The same registry once more, on the loopback that the engine has; it ends with the engine. */
function serveInside({ configPath, host }: RealRegistry): string {
  const port = Number(host.split(':')[1]).toString(16).toUpperCase().padStart(4, '0');
  return [
    `OTEL_TRACES_EXPORTER=none docker-registry serve '${configPath}' >/dev/null 2>&1 &`,
    `until grep -q ':${port} 00000000:0000 0A' /proc/net/tcp; do sleep 0.02; done`,
  ].join('\n');
}

/** An engine as a tier for the suites that every tier runs. */
export function tierOf(engine: TestEngine): PresentTier {
  const tier = {
    name: engine.name,
    need: engine.name,
    create: (directories: BackendDirectories) => engine.backend(directories),
  };
  return { tier, absence: engine.absence };
}
