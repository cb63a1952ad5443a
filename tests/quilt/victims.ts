import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findShelld } from '@sovereign/guest';
import { afterAll, beforeAll } from 'vitest';
import { eventually, hostProcesses } from '@sovereign/testkit';
import type { QuiltScene } from './scene.ts';

/** `victim.ts` in one file for as long as the tests around run. @returns what tells its path to them */
export function victimOfSuite(): () => string {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'svv-'));
    buildVictim(directory);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  return () => victimIn(directory);
}

const victimIn = (directory: string): string => join(directory, 'victim.mjs');

function buildVictim(directory: string): void {
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
    `--outfile=${victimIn(directory)}`,
  ]);
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
