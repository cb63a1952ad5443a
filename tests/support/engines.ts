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

const pythonPath = fileURLToPath(new URL('../../python', import.meta.url));

/**
 * Starts an engine in namespaces and directories of its own, for one test file; it ends with the file, and also when the
 * tests are killed. No image is pulled: there is no registry.
 *
 * @param docker Where a Docker listens besides its socket.
 */
export async function startEngine(
  name: EngineName,
  docker: Pick<PrivateDockerOptions, 'listenArgs'> = {},
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
    const where = { directory: join(directory, 'e'), cleanup };
    socketPath = await (name === 'docker'
      ? startPrivateDocker({ ...where, ...docker })
      : startPrivatePodman(where));
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

/** An engine as a tier for the suites that every tier runs. */
export function tierOf(engine: TestEngine): PresentTier {
  const tier = {
    name: engine.name,
    need: engine.name,
    create: (directories: BackendDirectories) => engine.backend(directories),
  };
  return { tier, absence: engine.absence };
}
