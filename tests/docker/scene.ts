import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DockerOptions } from '@sovereign/backends';
import type { Backend, Guest, SandboxSpec } from '@sovereign/core';
import { connectGuestChannel } from '@sovereign/guest';
import { collect, environmentOf, sandboxSpecForTest } from '@sovereign/testkit';
import type { TestEngine } from '../support/engines.ts';

/** One test's backend on an engine, with a directory for what it needs on the host. */
export interface EngineScene {
  readonly backend: Backend;
  readonly root: string;
  /** A directory on the host, empty. */
  directory(name: string): Promise<string>;
  create(overrides?: Partial<SandboxSpec>): Promise<Guest>;
  /** Runs `sh -c` and returns everything it printed. */
  sh(guest: Guest, script: string): Promise<string>;
}

/** Plays a test and removes every sandbox of it, whatever happened. */
export async function playOn(
  engine: TestEngine,
  options: Partial<DockerOptions>,
  act: (scene: EngineScene) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp('/tmp/svd-');
  const stateDir = join(root, 's');
  await mkdir(stateDir, { mode: 0o700 });
  const backend = engine.backend({ stateDir, runtimeDir: stateDir }, options);
  try {
    await act({
      backend,
      root,
      directory: async (name) => {
        await mkdir(join(root, name), { recursive: true });
        return join(root, name);
      },
      create: (overrides = {}) => backend.create(sandboxSpecForTest(overrides)),
      sh: runShell,
    });
  } finally {
    for (const { id } of await backend.list()) await (await backend.attach(id)).remove();
    await backend.close();
    await rm(root, { recursive: true, force: true });
  }
}

export async function runShell(guest: Guest, script: string): Promise<string> {
  const channel = connectGuestChannel(await guest.connect());
  try {
    const ran = await collect(
      channel.exec({
        command: 'sh',
        args: ['-c', script],
        cwd: guest.workspacePath,
        env: environmentOf(guest),
      }),
    );
    return `${ran.stdout.toString()}${ran.stderr.toString()}`;
  } finally {
    await channel.close();
  }
}
