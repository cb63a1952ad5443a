import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { Guest, Leftover } from '@sovereign/core';
import { findProgram, findShelld } from '@sovereign/guest';
import { eventually, hostProcesses, skipOrFail, tierTest, verifies } from '@sovereign/testkit';
import { afterAll, beforeAll, expect } from 'vitest';
import { rawTar } from '../../packages/images/src/tar/tar-for-test.ts';
import { importBusybox, needsBusybox } from '../quilt/busybox-image.ts';
import { QuiltScene } from '../quilt/scene.ts';
import { probeTiers } from '../support/tiers.ts';

/** No operation here has as many steps: one that never ends is a failure. */
const mostSteps = 300;
const timeoutMs = 400_000;
const hex = (digit: string): string => digit.repeat(64);

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, deaths);

function deaths(): void {
  let scripts = '';
  let victim = '';
  beforeAll(async () => {
    scripts = await mkdtemp(join(tmpdir(), 'svs-'));
    victim = join(scripts, 'victim.mjs');
    execFileSync(fileURLToPath(new URL('../../node_modules/.bin/esbuild', import.meta.url)), [
      fileURLToPath(new URL('step-victim.ts', import.meta.url)),
      ...['--bundle', '--platform=node', '--format=esm', '--conditions=@sovereign/source'],
      ...['--log-level=error', '--external:*.node', `--outfile=${victim}`],
      "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    ]);
  });
  afterAll(() => rm(scripts, { recursive: true, force: true }));

  /**
   * Kills the operation before every step of it, or before one in `stride`. After each: what is left is named, by who only looks, and removed; nothing is
   * listed that is not whole; the image that a sandbox holds is whole.
   */
  const killEverywhere = async (
    busybox: string,
    operation: string,
    prepare: (scene: QuiltScene) => Promise<void>,
    stride = 1,
  ): Promise<void> => {
    await QuiltScene.play(async (scene) => {
      await importBusybox(scene, busybox);
      const sandbox = await scene.create({
        name: 'sandbox',
        image: { kind: 'reference', reference: 'base' },
      });
      const before = await ours(scene);
      let step = 1 - stride;
      for (let isKilled = true; isKilled;) {
        expect((step += stride)).toBeLessThan(mostSteps);
        await prepare(scene);
        isKilled = await runVictim(scene, victim, operation, step);
        await eventually(
          'what it had begun has ended',
          async () => (await ours(scene)).every((one) => before.includes(one)),
          20_000,
        );
        const found = await scene.leftovers();
        expect(await scene.leftovers()).toEqual(found);
        for (const leftover of found) await sweep(scene, leftover);
        expect(await scene.leftovers(), `before step ${step} of ${operation}`).toEqual([]);
        await expectWhole(scene, sandbox, `before step ${step} of ${operation}`);
      }
      expect(step).toBeGreaterThan(5);
    });
  };

  verifies(
    ['R-PRIM-5', 'R-PRIM-7'],
    'a load killed before every step of it',
    { timeoutMs },
    async (context) => {
      let isSaved = false;
      await killEverywhere(needsBusybox(context), 'load', async (scene) => {
        if (isSaved) return;
        isSaved = true;
        await importMade(scene);
        await pipeline(scene.engine.images.save(['made']), createWriteStream(join(scene.root, 'made.tar')));
        await scene.engine.images.remove('made');
      });
    },
  );

  verifies(['R-PRIM-5', 'R-PRIM-7'], 'an import killed before every step of it', { timeoutMs }, (context) =>
    killEverywhere(needsBusybox(context), 'import', writeRoot),
  );

  verifies(
    ['R-PRIM-5', 'R-PRIM-7'],
    'the removal of an image killed before every step of it',
    { timeoutMs },
    (context) => killEverywhere(needsBusybox(context), 'remove', importMade),
  );

  verifies(
    ['R-PRIM-5', 'R-PRIM-7'],
    'a build killed before its steps, and between the lines that its builder prints',
    { timeoutMs },
    async (context) => {
      if (findProgram('buildah') === undefined) skipOrFail(context, 'buildah', 'buildah is not installed');
      // Five guests come up in a build: one step in three keeps the test in its time.
      await killEverywhere(needsBusybox(context), 'build', writeContext, 3);
    },
  );

  verifies(['R-PRIM-5', 'R-PRIM-7'], 'gc killed before every step of it', { timeoutMs }, (context) =>
    killEverywhere(needsBusybox(context), 'gc', writeGarbage),
  );
}

/** Archive of a root that is `/made` alone: it shares no layer with the base. */
async function writeRoot(scene: QuiltScene): Promise<void> {
  await writeFile(join(scene.root, 'root.tar'), rawTar([{ name: 'made', content: 'made\n' }]));
}

/** Of a build that adds `/made` to the base. */
async function writeContext(scene: QuiltScene): Promise<void> {
  const context = join(scene.root, 'context');
  await mkdir(context, { recursive: true });
  await writeFile(join(context, 'made'), 'made\n');
  await writeFile(join(context, 'Dockerfile'), 'FROM base\nCOPY made /made\nRUN cat /made /kept\n');
}

async function importMade(scene: QuiltScene): Promise<void> {
  await writeRoot(scene);
  await scene.engine.images.import(createReadStream(join(scene.root, 'root.tar')), { reference: 'made' });
}

/** One of everything that can be left in a library. */
async function writeGarbage(scene: QuiltScene): Promise<void> {
  const library = libraryPath(scene);
  const owned = `of-1-1-0`;
  for (const name of [hex('a'), `unpacking.${owned}`]) {
    await mkdir(join(library, 'layers', name, 'tree'), { recursive: true });
    await writeFile(join(library, 'layers', name, 'tree', 'leaf'), 'leaf');
  }
  await writeFile(join(library, 'blobs', 'sha256', hex('b')), 'blob');
  await writeFile(join(library, 'ingest', `${hex('c')}.partial`), 'part');
  await writeFile(join(library, 'ingest', `blob.${owned}`), 'part');
  await writeFile(join(library, 'locks', `work.${owned}`), '');
  const [base] = await scene.engine.images.list();
  const lease = join(library, 'leases', 'sbx_000000000000.json');
  await writeFile(
    lease,
    JSON.stringify({
      ...{ digest: base?.digest, mediaType: 'application/vnd.oci.image.manifest.v1+json' },
      ...{ size: 1, reference: 'base' },
    }),
  );
  // What is younger may be the lease of a sandbox in the making.
  await utimes(lease, new Date(1_000_000), new Date(1_000_000));
}

const libraryPath = (scene: QuiltScene): string => join(scene.root, 'state', 'images', 'library');

/** Whether it was killed before it was done. */
async function runVictim(
  scene: QuiltScene,
  script: string,
  operation: string,
  step: number,
): Promise<boolean> {
  const child = spawn(process.execPath, [script, scene.root, operation, String(step), findShelld()], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await once(child, 'exit');
  const { exitCode, signalCode } = child;
  expect([exitCode, signalCode]).toEqual(signalCode === null ? [0, null] : [null, 'SIGKILL']);
  return signalCode !== null;
}

/** Who works on the scene: processes that name it, and mount namespaces that hold anything of it. */
async function ours(scene: QuiltScene): Promise<readonly string[]> {
  const found = await Promise.all(
    (await hostProcesses()).map(async ({ pid, command }) => {
      const [mounts, namespace] = await Promise.all([
        readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => ''),
        readlink(`/proc/${pid}/ns/mnt`).catch(() => ''),
      ]);
      return [
        ...(command.includes(scene.root) ? [String(pid)] : []),
        ...(mounts.includes(basename(scene.root)) ? [namespace] : []),
      ];
    }),
  );
  return [...new Set(found.flat())];
}

/** One may go with another. */
async function sweep(scene: QuiltScene, leftover: Leftover): Promise<void> {
  await scene.engine.sweep(leftover).catch((error: unknown) => {
    if ((error as { readonly reason?: string }).reason !== 'argument.invalid') throw error;
  });
}

/** The base is whole and used; the image that was in the making is there whole, or not at all, and is gone afterwards. */
async function expectWhole(scene: QuiltScene, sandbox: Guest, when: string): Promise<void> {
  const { images } = scene.engine;
  const names = (await images.list()).flatMap(({ references }) => references);
  const base = 'docker.io/library/base:latest';
  const made = 'docker.io/library/made:latest';
  expect([[base], [base, made]], when).toContainEqual(names.toSorted());
  expect((await scene.sh(sandbox, 'cat /kept')).out, when).toBe('kept\n');
  if (names.includes(made)) {
    const guest = await scene.define({ image: { kind: 'reference', reference: 'made' } });
    const [layer] = (await images.inspect('made')).layers.slice(-1);
    expect(layer, when).toBeDefined();
    await guest.remove();
    await images.remove('made');
  }
  const again = await scene.create({ image: { kind: 'reference', reference: 'base' } });
  expect((await scene.sh(again, 'cat /tree/leaf')).out, when).toBe('tree/leaf\n');
  await again.remove();
  const library = libraryPath(scene);
  const left = await Promise.all(['ingest', 'locks'].map((name) => readdir(join(library, name))));
  expect(left, when).toEqual([[], []]);
  expect(await readdir(join(library, 'layers')), when).toHaveLength(2);
  expect(await readdir(join(library, 'leases')), when).toEqual([`${sandbox.id}.json`]);
}
