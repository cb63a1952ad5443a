import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { findProgram } from '@sovereign/guest';
import { skipOrFail, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { ImageScene } from './image-scene.ts';
import { RealRegistry, registryAbsence } from './real-registry.ts';
import { makeTwoLayers, proof, proven } from './two-layers.ts';

const run = promisify(execFile);
/** `user` with the password `secret`, by bcrypt. */
const passwords = 'user:$2y$05$ak1bpp0DMKsP4J1kL5FNaOXC1gemSDRi6lQyVn33kgpu1RpIsTnpG\n';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, realTools);

function realTools(): void {
  verifies(
    ['R-TIER-3', 'R-PRIM-5'],
    'a sandbox of a layered image sees what its layers come to',
    async (context) => {
      if (findProgram('busybox') === undefined) skipOrFail(context, 'busybox', 'busybox is not installed');
      await ImageScene.play(async (scene) => {
        await makeTwoLayers(scene, 'app:1');
        expect(await scene.run('app:1', proof)).toEqual({ exitCode: 0, output: proven });
      });
    },
  );

  verifies(
    'R-PRIM-5',
    'images go to a real registry and come back, with and without credentials',
    async (context) => {
      const missing =
        registryAbsence() ?? (findProgram('skopeo') === undefined ? 'skopeo is not installed' : undefined);
      if (missing !== undefined) skipOrFail(context, 'registry', missing);
      await ImageScene.play(async (scene) => {
        await makeTwoLayers(scene, 'app:1');
        const archive = join(scene.root, 'app.tar');
        await pipeline(scene.library().save(['app:1']), createWriteStream(archive));
        const opened = await RealRegistry.start(join(scene.root, 'opened'));
        const closed = await RealRegistry.start(join(scene.root, 'closed'), passwords);
        try {
          const skopeo = (...args: readonly string[]): Promise<unknown> =>
            run('skopeo', ['copy', '--insecure-policy', '--dest-tls-verify=false', ...args]);
          await skopeo(`oci-archive:${archive}`, `docker://${opened.host}/team/app:oci`);
          await skopeo(
            `docker-archive:${archive}`,
            '--format',
            'v2s2',
            `docker://${opened.host}/team/app:docker`,
          );
          await skopeo(
            `oci-archive:${archive}`,
            '--dest-compress-format',
            'zstd',
            '--dest-compress',
            `dir:${join(scene.root, 'zstd')}`,
          );
          await skopeo(
            `dir:${join(scene.root, 'zstd')}`,
            '--format',
            'oci',
            `docker://${opened.host}/team/app:zstd`,
          );
          await skopeo(
            `oci-archive:${archive}`,
            '--dest-creds',
            'user:secret',
            `docker://${closed.host}/team/app:1`,
          );
          await scene.library().remove('app:1');
          for (const tag of ['oci', 'docker', 'zstd']) {
            const name = `${opened.host}/team/app:${tag}`;
            await scene.library().pull(name);
            expect(await scene.run(name, proof)).toEqual({ exitCode: 0, output: proven });
            await scene.library().remove(name);
          }
          const name = `${closed.host}/team/app:1`;
          await expect(scene.library().pull(name)).rejects.toThrow(
            expect.objectContaining({ reason: 'image.denied' }),
          );
          await login(scene, closed.host);
          expect(await scene.library().pull(name)).toMatchObject({ references: [name] });
          await expect(scene.library().pull(`${closed.host}/team/absent`)).rejects.toThrow(
            expect.objectContaining({ reason: 'image.not-found' }),
          );
        } finally {
          await opened.close();
          await closed.close();
        }
      });
    },
  );

  verifies('R-PRIM-5', 'a credential helper is asked by its protocol', async (context) => {
    const missing =
      registryAbsence() ?? (findProgram('skopeo') === undefined ? 'skopeo is not installed' : undefined);
    if (missing !== undefined) skipOrFail(context, 'registry', missing);
    await ImageScene.play(async (scene) => {
      const registry = await RealRegistry.start(join(scene.root, 'closed'), passwords);
      try {
        const bin = join(scene.root, 'bin');
        await mkdir(bin);
        const helper = join(bin, 'docker-credential-test');
        await writeFile(
          helper,
          `#!/bin/sh\n[ "$1" = get ] && [ "$(cat)" = "${registry.host}" ] && echo '{"Username":"user","Secret":"secret"}'\n`,
        );
        await chmod(helper, 0o755);
        const docker = join(scene.root, 'docker');
        await mkdir(docker);
        await writeFile(
          join(docker, 'config.json'),
          JSON.stringify({ credHelpers: { [registry.host]: 'test' } }),
        );
        const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, DOCKER_CONFIG: docker };
        await expect(scene.library({ env }).pull(`${registry.host}/absent`)).rejects.toThrow(
          expect.objectContaining({ reason: 'image.not-found' }),
        );
        await expect(scene.library().pull(`${registry.host}/absent`)).rejects.toThrow(
          expect.objectContaining({ reason: 'image.denied' }),
        );
      } finally {
        await registry.close();
      }
    });
  });

  verifies('R-PRIM-5', 'archives of skopeo are loaded, docker and OCI', async (context) => {
    if (findProgram('skopeo') === undefined) skipOrFail(context, 'registry', 'skopeo is not installed');
    await ImageScene.play(async (scene) => {
      await makeTwoLayers(scene, 'app:1');
      const own = join(scene.root, 'own.tar');
      await pipeline(scene.library().save(['app:1']), createWriteStream(own));
      const { id } = await scene.library().inspect('app:1');
      await scene.library().remove('app:1');
      await scene.library().remove('app:1-base');
      for (const [kind, name] of [
        ['docker-archive', 'docker.io/library/app:two'],
        ['oci-archive', 'docker.io/library/app:three'],
      ] as const) {
        const file = join(scene.root, `${kind}.tar`);
        await run('skopeo', ['copy', '--insecure-policy', `oci-archive:${own}`, `${kind}:${file}:${name}`]);
        const [loaded] = await scene.library().load(createReadStream(file));
        expect(loaded).toMatchObject({ id, references: [name] });
        expect(await scene.run(name, proof)).toEqual({ exitCode: 0, output: proven });
        await scene.library().remove(name);
      }
    });
  });
}

async function login(scene: ImageScene, host: string): Promise<void> {
  await mkdir(join(scene.root, 'home', '.docker'), { recursive: true });
  const auth = Buffer.from('user:secret').toString('base64');
  await writeFile(
    join(scene.root, 'home', '.docker', 'config.json'),
    JSON.stringify({ auths: { [`https://${host}/v2/`]: { auth } } }),
  );
}
