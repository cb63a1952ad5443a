import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { findProgram } from '@sovereign/guest';
import { skipOrFail, tierTest, verifies } from '@sovereign/testkit';
import { expect, type TestContext } from 'vitest';
import { startEngine, type TestEngine } from '../support/engines.ts';
import { probeTiers } from '../support/tiers.ts';
import { ImageScene } from './image-scene.ts';
import { makeTwoLayers, proof, proven } from './two-layers.ts';

const run = promisify(execFile);

/** The engine's own command, on the engine of this test. */
interface Command {
  readonly name: 'docker' | 'podman';
  /** Runs it and resolves with what it printed. */
  readonly run: (...args: readonly string[]) => Promise<string>;
  /** How `save` is told each archive that it can write. */
  readonly formats: readonly (readonly string[])[];
}

function commandOf({ name, host }: TestEngine): Command {
  const onEngine = name === 'docker' ? ['-H', host] : ['--remote', '--url', host];
  const formats = ['docker-archive', 'oci-archive'].map((format) => ['--format', format]);
  return {
    name,
    run: async (...args) => (await run(name, [...onEngine, ...args])).stdout,
    formats: name === 'docker' ? [[]] : formats,
  };
}

const [quilt] = await probeTiers(['quilt']);
const engines = [await startEngine('docker'), await startEngine('podman')];

tierTest('quilt', quilt?.absence ?? { isMissing: true, reason: 'quilt is not known' }, () => {
  for (const engine of engines) tierTest(engine.name, engine.absence, () => archives(commandOf(engine)));
});

function archives(command: Command): void {
  const { name } = command;
  const play = async (
    context: TestContext,
    act: (scene: ImageScene, archive: string) => Promise<void>,
  ): Promise<void> => {
    if (findProgram('busybox') === undefined) skipOrFail(context, 'busybox', 'busybox is not installed');
    if (findProgram(name) === undefined) skipOrFail(context, name, `the command ${name} is not installed`);
    await ImageScene.play(async (scene) => {
      await makeTwoLayers(scene, 'app:1');
      const archive = join(scene.root, 'app.tar');
      await pipeline(scene.library().save(['app:1']), createWriteStream(archive));
      await act(scene, archive);
    });
  };
  const runs = (): Promise<string> =>
    command.run('run', '--rm', '--network', 'none', 'app:1', 'sh', '-c', proof);

  /** Loads an archive and runs what it holds, and forgets it again. */
  const loadsAndRuns = async (archive: string): Promise<void> => {
    expect(await command.run('load', '-i', archive)).toContain('app:1');
    expect(await runs()).toBe(proven);
    await command.run('rmi', 'app:1');
  };

  verifies('R-PRIM-5', `${name} load takes an archive of ours, and ${name} run sees its layers`, (context) =>
    play(context, (_, archive) => loadsAndRuns(archive)),
  );

  verifies('R-PRIM-5', `${name} load takes the docker archive in it alone`, (context) =>
    play(context, async (scene, archive) => {
      await loadsAndRuns(await without(scene, archive, ['oci-layout', 'index.json']));
    }),
  );

  verifies('R-PRIM-5', `${name} load takes the OCI archive in it alone`, (context) =>
    play(context, async (scene, archive) => {
      const version = Number.parseInt(await command.run('version', '--format', '{{.Server.Version}}'), 10);
      if (name === 'docker' && version < 25) context.skip(`Docker ${version} loads no OCI archives`);
      await loadsAndRuns(await without(scene, archive, ['manifest.json']));
    }),
  );

  verifies('R-PRIM-5', `what ${name} save writes is loaded, and runs on quilt`, (context) =>
    play(context, async (scene, archive) => {
      await command.run('load', '-i', archive);
      await scene.library().remove('app:1');
      for (const format of command.formats) {
        const saved = join(scene.root, `saved-by-${name}.tar`);
        await command.run('save', ...format, '-o', saved, 'app:1');
        const [loaded] = await scene.library().load(createReadStream(saved));
        const [reference] = loaded?.references ?? [];
        expect(reference).toMatch(/\/app:1$/);
        expect(await scene.run(reference ?? '', proof)).toEqual({ exitCode: 0, output: proven });
        await scene.library().remove(reference ?? '');
        await rm(saved);
      }
    }),
  );
}

/** A copy of an archive that lacks some of its files. */
async function without(scene: ImageScene, archive: string, names: readonly string[]): Promise<string> {
  const [directory, copy] = [join(scene.root, 'unpacked'), join(scene.root, 'less.tar')];
  await mkdir(directory);
  await run('tar', ['-x', '-f', archive, '-C', directory]);
  await run('tar', ['-c', '-f', copy, '-C', directory, ...names.map((name) => `--exclude=./${name}`), '.']);
  return copy;
}
