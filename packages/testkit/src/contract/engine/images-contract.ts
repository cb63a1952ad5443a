import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ImageProgress } from '@sovereign/core';
import { emptyImageConfig, writeOciArchive } from '../../archive/oci-archive.ts';
import { testRootfs } from '../../archive/test-rootfs.ts';
import { verifies } from '../../requirements/verifies.ts';
import { bytes, EngineScene, gathered, undeclared, type EngineContractOptions } from './engine-subject.ts';

/** The image library of an engine. */
export function imagesContract(options: EngineContractOptions): void {
  const play = (act: (scene: EngineScene) => Promise<void>): Promise<void> => EngineScene.play(options, act);

  verifies(
    'R-PRIM-5',
    'an imported root file system is listed and inspected by its normalised name',
    async () => {
      await play(async ({ engine, ...scene }) => {
        const reference = `${scene.prefix}-app:2`;
        const record = await engine.images.import(bytes(imageTar(options)), {
          reference,
          config: {
            env: { A: 'b=c' },
            command: ['/bin/sh'],
            labels: { made: 'here' },
            workingDirectory: '/tmp',
          },
        });
        const name = `docker.io/library/${reference}`;
        expect(record).toMatchObject({
          references: [name],
          config: { env: { A: 'b=c' }, command: ['/bin/sh'] },
        });
        expect(record.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
        expect(record.layers).toHaveLength(1);
        expect(record.bytes).toBeGreaterThan(0);
        for (const asked of [reference, name])
          expect(await engine.images.inspect(asked)).toMatchObject({ digest: record.digest });
        expect((await engine.images.list()).map(({ digest }) => digest)).toContain(record.digest);
        expect((await engine.images.inspect(reference)).config).toMatchObject({
          labels: { made: 'here' },
          workingDirectory: '/tmp',
        });
      });
    },
  );

  verifies('R-PRIM-5', 'a second name keeps an image; it goes with its last one', async () => {
    await play(async (scene) => {
      const { images } = scene.engine;
      const { name, digest } = await scene.image();
      const other = `${scene.prefix}-other:latest`;
      const tagged = await images.tag(name, other);
      expect(tagged).toMatchObject({ digest });
      expect(tagged.references).toHaveLength(2);
      await images.remove(name);
      await expect(images.inspect(name)).rejects.toMatchObject({ reason: 'image.not-found' });
      expect(await images.inspect(other)).toMatchObject({ digest });
      await images.remove(other);
      expect((await images.list()).map((one) => one.digest)).not.toContain(digest);
    });
  });

  verifies('R-PRIM-5', 'what is not there: image.not-found; what is no name: image.invalid', async () => {
    await play(async (scene) => {
      const { images } = scene.engine;
      const missing = `${scene.prefix}-none:1`;
      const notFound = { reason: 'image.not-found' };
      await expect(images.inspect(missing)).rejects.toMatchObject(notFound);
      await expect(images.remove(missing)).rejects.toMatchObject(notFound);
      await expect(images.tag(missing, `${missing}0`)).rejects.toMatchObject(notFound);
      await expect(gathered(images.save([missing]))).rejects.toMatchObject(notFound);
      await expect(images.inspect('UPPER case')).rejects.toMatchObject({ reason: 'image.invalid' });
    });
  });

  verifies(
    'R-PRIM-5',
    'an image that a container is made of is in use until the container is gone',
    async () => {
      await play(async (scene) => {
        const { images } = scene.engine;
        const { name } = await scene.image();
        const guest = await scene.stage.backend.define(scene.spec(name));
        await expect(images.remove(name)).rejects.toMatchObject({ reason: 'image.in-use' });
        expect(await images.inspect(name)).toMatchObject({ references: [expect.stringContaining(name)] });
        await guest.remove();
        await images.remove(name);
        await expect(images.inspect(name)).rejects.toMatchObject({ reason: 'image.not-found' });
      });
    },
  );

  verifies('R-PRIM-5', 'what is saved is loaded again: same name, same files', async () => {
    await play(async (scene) => {
      const { images } = scene.engine;
      const { name } = await scene.image();
      const archive = await gathered(images.save([name]));
      await images.remove(name);
      const [loaded, ...more] = await images.load(bytes(archive));
      expect(more).toEqual([]);
      expect(loaded?.references.join(' ')).toContain(name);
      const guest = await scene.started(name);
      expect(await scene.read(guest, '/etc/motd')).toBe('made for tests\n');
    });
  });

  verifies('R-PRIM-5', 'an OCI archive that somebody else made is loaded', async (context) => {
    if (options.readsOci === false) context.skip('this engine may read docker archives only');
    await play(async (scene) => {
      const { images } = scene.engine;
      const name = `docker.io/library/${scene.prefix}-oci:1`;
      const [loaded] = await images.load(bytes(ociArchive(options, name)));
      expect(loaded?.references).toEqual([name]);
      expect(loaded?.config.env).toMatchObject({ MADE: 'elsewhere' });
      const guest = await scene.started(name);
      expect(await scene.run(guest, 'sh', '-c', 'echo $MADE')).toBe('elsewhere\n');
    });
  });

  verifies(
    'R-PRIM-5',
    'an archive that is cut short, changed or none is refused, and nothing of it listed',
    async () => {
      await play(async (scene) => {
        const { images } = scene.engine;
        const name = `docker.io/library/${scene.prefix}-bad:1`;
        const whole = ociArchive(options, name);
        const changed = Buffer.from(whole);
        // In the last blob, the layer: two blocks of zeros end the archive.
        changed[whole.length - 1_024 - 700] = (changed[whole.length - 1_024 - 700] ?? 0) ^ 0xff;
        for (const archive of [whole.subarray(0, whole.length / 2), changed, Buffer.from('not an archive')])
          await expect(images.load(bytes(archive))).rejects.toMatchObject({
            reason: expect.stringMatching(/^image\.(corrupt|invalid)$/),
          });
        await expect(images.inspect(name)).rejects.toMatchObject({ reason: 'image.not-found' });
      });
    },
  );

  verifies(
    'R-PRIM-5',
    'pull fetches what a registry has, says how far it is, and again finds it present',
    async (context) => {
      if (options.publish === undefined) return context.skip('there is no registry for this engine here');
      const published = await options.publish(ociArchive(options, 'docker.io/library/published:1'));
      try {
        await play(async (scene) => {
          const { images } = scene.engine;
          const steps: ImageProgress['kind'][] = [];
          const pulled = await images.pull(published.reference, {
            onProgress: ({ kind }) => steps.push(kind),
          });
          expect(steps.at(-1)).toBe('done');
          expect(await images.inspect(published.reference)).toMatchObject({ digest: pulled.digest });
          expect(await images.pull(published.reference)).toMatchObject({ digest: pulled.digest });
          const both = await Promise.all([1, 2].map(() => images.pull(published.reference)));
          expect(both.map(({ digest }) => digest)).toEqual([pulled.digest, pulled.digest]);
          await expect(images.pull(published.missing)).rejects.toMatchObject({ reason: 'image.not-found' });
          await images.remove(published.reference);
        });
      } finally {
        await published.dispose();
      }
    },
  );

  verifies(
    'R-PRIM-5',
    'a Dockerfile is built where that is declared, and refused where not',
    { timeoutMs: 120_000 },
    async () => {
      await play(async (scene) => {
        const { images } = scene.engine;
        const contextPath = join(scene.stage.directories.stateDir, '..', 'context');
        await mkdir(contextPath);
        const base = await scene.image();
        const reference = `${scene.prefix}-built:1`;
        const lines = [`FROM ${base.name}`, 'COPY greeting /greeting', 'ENV BUILT=yes'];
        await writeFile(join(contextPath, 'greeting'), 'hello\n');
        await writeFile(join(contextPath, 'Dockerfile'), `${lines.join('\n')}\n`);
        const build = images.build({ contextPath, reference });
        if (scene.lacks('build')) return expect(build).rejects.toMatchObject(undeclared);
        if (!options.hasBuilder)
          return expect(build).rejects.toMatchObject({ reason: 'image.builder-missing' });
        expect(await build).toMatchObject({ config: { env: { BUILT: 'yes' } } });
        expect(await scene.read(await scene.started(reference), '/greeting')).toBe('hello\n');
        await writeFile(join(contextPath, 'Dockerfile'), `${lines.join('\n')}\nCOPY absent /absent\n`);
        const failed = `${scene.prefix}-failed:1`;
        await expect(images.build({ contextPath, reference: failed })).rejects.toMatchObject({
          reason: 'image.build-failed',
          message: expect.stringContaining('absent'),
        });
        await expect(images.inspect(failed)).rejects.toMatchObject({ reason: 'image.not-found' });
      });
    },
  );
}

function imageTar(options: EngineContractOptions): Buffer {
  return testRootfs({ hasBusybox: options.hasKernel });
}

function ociArchive(options: EngineContractOptions, name: string): Buffer {
  const config = { ...emptyImageConfig, env: { PATH: '/bin', MADE: 'elsewhere' } };
  return writeOciArchive([{ references: [name], config, layers: [imageTar(options)], createdMs: 0 }]);
}
