import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '@sovereign/guest';
import { skipOrFail, tierTest, verifies, within } from '@sovereign/testkit';
import { expect, type TestContext } from 'vitest';
import { inPieces } from '../../packages/images/src/tar/tar-for-test.ts';
import { probeTiers } from '../support/tiers.ts';
import { busyboxRoot } from './busybox-root.ts';
import { ImageScene } from './image-scene.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, builds);

/** A scene with image `base:1` and a build context that holds a Dockerfile and a file. */
async function withContext(
  context: TestContext,
  dockerfile: string,
  act: (scene: ImageScene, contextPath: string) => Promise<void>,
): Promise<void> {
  if (findProgram('buildah') === undefined) skipOrFail(context, 'buildah', 'buildah is not installed');
  if (findProgram('busybox') === undefined) skipOrFail(context, 'busybox', 'busybox is not installed');
  await ImageScene.play(async (scene) => {
    const contextPath = join(scene.root, 'context');
    await mkdir(contextPath);
    await writeFile(join(contextPath, 'Dockerfile'), dockerfile);
    await writeFile(join(contextPath, 'hello'), 'hello from the context');
    await scene.library().import(inPieces(await busyboxRoot(), 256 * 1024), { reference: 'base:1' });
    await act(scene, contextPath);
  });
}

function builds(): void {
  verifies('R-PRIM-5', 'a Dockerfile is built, its lines are told, and the image runs', async (context) => {
    const dockerfile =
      'ARG V=0\nFROM base:$V AS one\nRUN echo built > /etc/built\nFROM base:1\nARG WHO=nobody\nCOPY --from=one /etc/built /etc/built\nCOPY hello /hello\nRUN rm /etc/gone && echo $WHO > /who\nENV GREETING=hi\nWORKDIR /data\nCMD ["cat","/hello"]\n';
    await withContext(context, dockerfile, async (scene, contextPath) => {
      const lines: string[] = [];
      const record = await scene.library().build({
        contextPath,
        reference: 'app:1',
        buildArgs: { V: '1', WHO: 'somebody' },
        onProgress: (progress) => {
          if (progress.kind === 'log') lines.push(progress.text);
        },
      });
      expect(record).toMatchObject({
        references: ['docker.io/library/app:1'],
        config: { workingDirectory: '/data', command: ['cat', '/hello'] },
      });
      expect(lines.filter((line) => line.includes('STEP')).length).toBeGreaterThan(5);
      const base = await scene.library().inspect('base:1');
      expect(record.layers.length).toBe(base.layers.length + 1);
      const proof =
        'cat /etc/built /hello /who; cat /etc/base; [ -e /etc/gone ] || echo removed; pwd; echo $GREETING';
      expect(await scene.run('app:1', proof)).toEqual({
        exitCode: 0,
        output: 'built\nhello from the contextsomebody\nbaseremoved\n/data\nhi\n',
      });
    });
  });

  verifies(
    'R-PRIM-5',
    'a step that fails is named with what it said, and nothing half-made is listed or left',
    async (context) => {
      await withContext(
        context,
        'FROM base:1\nRUN true\nRUN echo the reason; exit 7\n',
        async (scene, contextPath) => {
          const failed = scene.library().build({ contextPath, reference: 'app:1' });
          await expect(failed).rejects.toThrow(
            expect.objectContaining({
              reason: 'image.build-failed',
              message: expect.stringMatching(/step 3 of 3: RUN echo the reason.*the reason/s),
              context: expect.objectContaining({ step: 3, steps: 3 }),
            }),
          );
          expect((await scene.library().list()).flatMap(({ references }) => references)).toEqual([
            'docker.io/library/base:1',
          ]);
          expect(await readdir(scene.path('ingest'))).toEqual([]);
          expect(await scene.library().leftovers(() => true)).toEqual([]);
        },
      );
    },
  );

  verifies(
    'R-PRIM-5',
    'a step reaches neither the host nor a network, and cannot write the context',
    async (context) => {
      await withContext(context, '', async (scene, contextPath) => {
        const secret = join(scene.root, 'secret');
        await writeFile(secret, 'secret', { mode: 0o644 });
        await chmod(scene.root, 0o755);
        const steps = [
          `! cat ${secret}`,
          `! cat /proc/1/root${secret}`,
          '! grep -v -e lo: -e Inter -e face /proc/net/dev',
          // Root here is nobody there: its ids begin far above any user of the host.
          '! grep -E "^ *0 +0 " /proc/self/uid_map',
        ];
        const mounted = '--mount=type=bind,target=/context ! (echo x > /context/hello)';
        await writeFile(
          join(contextPath, 'Dockerfile'),
          ['FROM base:1', ...[...steps, mounted].map((step) => `RUN ${step}`)].join('\n'),
        );
        await scene.library().build({ contextPath, reference: 'app:1' });
        expect(await readFile(join(contextPath, 'hello'), 'utf8')).toBe('hello from the context');
        await writeFile(
          join(contextPath, 'Dockerfile'),
          'FROM base:1\nRUN --mount=type=bind,target=/context cat /context/hello\n',
        );
        await scene.library().build({ contextPath, reference: 'app:2' });
      });
    },
  );

  verifies('R-PRIM-5', 'a Dockerfile outside of the context, or none, is refused', async (context) => {
    await withContext(context, 'FROM base:1\n', async (scene, contextPath) => {
      const invalid = expect.objectContaining({ reason: 'image.invalid' });
      await symlink('/etc', join(contextPath, 'etc'));
      for (const dockerfile of ['../Dockerfile', '/etc/passwd', 'absent'])
        await expect(scene.library().build({ contextPath, reference: 'app', dockerfile })).rejects.toThrow(
          invalid,
        );
      await expect(scene.library().build({ contextPath: 'relative', reference: 'app' })).rejects.toThrow(
        invalid,
      );
    });
  });

  verifies('R-PRIM-5', 'a build is ended by its caller', async (context) => {
    await withContext(
      context,
      'FROM base:1\nRUN cat /bin/busybox > /dev/null; while :; do :; done\n',
      async (scene, contextPath) => {
        const stop = new AbortController();
        const build = scene.library().build({
          contextPath,
          reference: 'app:1',
          signal: stop.signal,
          onProgress: (progress) => {
            if (progress.kind === 'log' && progress.text.includes('STEP 2/2')) stop.abort();
          },
        });
        await expect(within('the end of the build', build, 30_000)).rejects.toThrow(
          expect.objectContaining({ reason: 'operation.cancelled' }),
        );
        expect(await readdir(scene.path('ingest'))).toEqual([]);
      },
    );
  });
}
