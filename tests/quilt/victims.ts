import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findShelld } from '@sovereign/guest';
import { eventually, hostProcesses } from '@sovereign/testkit';
import type { QuiltScene } from './scene.ts';

/** Puts `victim.ts` into one file in a directory. @returns its path */
export function buildVictim(directory: string): string {
  const victim = join(directory, 'victim.mjs');
  execFileSync(fileURLToPath(new URL('../../node_modules/.bin/esbuild', import.meta.url)), [
    fileURLToPath(new URL('victim.ts', import.meta.url)),
    '--bundle',
    '--platform=node',
    '--format=esm',
    '--conditions=@sovereign/source',
    '--log-level=error',
    // Libraries of other backends come along, with native parts that they do without, and calls of require.
    '--external:*.node',
    "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    `--outfile=${victim}`,
  ]);
  return victim;
}

/** Starts the victim, lets it begin, and kills it after so many milliseconds, or at a moment that is looked for. */
export async function killed(
  scene: QuiltScene,
  script: string,
  args: readonly string[],
  when: number | (() => boolean),
): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [script, scene.root, ...args, findShelld()], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  if (child.stdout === null || child.stdin === null) throw new Error('no pipes');
  await Promise.race([
    once(child.stdout, 'data'),
    exit.then(() => {
      throw new Error('the victim ended before it was ready');
    }),
  ]);
  child.stdin.write('go\n');
  if (typeof when === 'number') await delay(when);
  else
    while (!when()) {
      if (child.exitCode !== null) throw new Error('the victim ended before that moment');
      await delay(1);
    }
  child.kill('SIGKILL');
  await exit;
}

/** What a launch or a visit has begun goes on for a moment without its client. */
export async function settle(scene: QuiltScene): Promise<void> {
  await eventually(
    'nothing is under way any more',
    async () => {
      const ours = (await hostProcesses()).filter(({ command }) => command.includes(scene.root));
      return ours.every(
        ({ command }) => !/shelld (launch|mount|unmount|enter|pin-network|write-hosts)/.test(command),
      );
    },
    15_000,
  );
}
