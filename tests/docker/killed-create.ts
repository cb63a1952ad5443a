import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { DockerOptions } from '@sovereign/backends';
import type { Backend } from '@sovereign/core';
import { eventually } from '@sovereign/testkit';

const client = fileURLToPath(new URL('./create-client.ts', import.meta.url));

/** Runs `create` in a process of its own and kills that after so long. */
export async function killedCreate(
  options: Omit<DockerOptions, 'shelldPath'>,
  afterMs: number,
): Promise<void> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=@sovereign/source', client, JSON.stringify(options)],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
  setTimeout(() => child.kill('SIGKILL'), afterMs);
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
}

/** An engine goes on with a request whose client has died. */
const engineMs = 300;

/**
 * Sweeps what a killed client has left, and removes what it had made whole, until the engine has nothing more of it.
 *
 * @throws when something is left that is not named
 */
export async function sweepAfterKill(backend: Backend): Promise<void> {
  let emptyLooks = 0;
  await eventually(
    'what it had begun is named, swept, and gone',
    async () => {
      const found = (await backend.engine?.leftovers()) ?? [];
      for (const leftover of found) await backend.engine?.sweep(leftover);
      const listed = await backend.list();
      for (const { id, state } of listed) if (state !== 'created') await (await backend.attach(id)).remove();
      emptyLooks = found.length + listed.length === 0 ? emptyLooks + 1 : 0;
      await delay(engineMs);
      return emptyLooks === 2;
    },
    30_000,
  );
}
