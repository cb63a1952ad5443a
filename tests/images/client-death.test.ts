import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { rawTar } from '../../packages/images/src/tar/tar-for-test.ts';
import { probeTiers } from '../support/tiers.ts';
import { HostileRegistry, makeImage } from './hostile-registry.ts';
import { ImageScene } from './image-scene.ts';

const program = fileURLToPath(new URL('pull-client.ts', import.meta.url));
const content = randomBytes(6_000_000).toString('latin1');
const tars = ['one', 'two'].map((name) => rawTar([{ name, content: name + content }]));

/** Starts a pull in a process of its own; resolves when it says `word`, or ends. */
async function pulling(scene: ImageScene, name: string, word: string): Promise<{ kill(): Promise<void> }> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=@sovereign/source', program, scene.root, name],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  for await (const line of createInterface({ input: child.stdout })) if (line === word) break;
  return {
    kill: async () => {
      if (child.exitCode !== null || !child.kill('SIGKILL')) return;
      await once(child, 'exit');
    },
  };
}

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, deaths);

function deaths(): void {
  for (const word of ['resolving', 'downloading', 'unpacking']) {
    verifies(
      'R-PRIM-5',
      `a client killed while ${word} leaves nothing that is listed, and the next one goes on`,
      async () => {
        const registry = await HostileRegistry.start(makeImage(tars));
        try {
          await ImageScene.play(async (scene) => {
            const name = `${registry.host}/app:1`;
            const victim = await pulling(scene, name, word);
            await victim.kill();
            const library = scene.library();
            expect(await library.list()).toEqual([]);
            const before = registry.requests.length;
            expect(await library.pull(name)).toMatchObject({ references: [name] });
            const resumed = registry.requests
              .slice(before)
              .filter(({ headers }) => headers.range !== undefined);
            for (const { headers } of resumed) expect(headers.range).toMatch(/^bytes=[1-9]\d*-$/);
            const left = await library.leftovers(() => true);
            for (const leftover of left) {
              expect(leftover.kind).toBe('partial');
              await library.sweep(leftover, () => true);
            }
            expect(await library.leftovers(() => true)).toEqual([]);
            await library.remove(name);
          });
        } finally {
          await registry.close();
        }
      },
    );
  }
}
