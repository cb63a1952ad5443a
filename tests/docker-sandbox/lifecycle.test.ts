import { execFileSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openEngine } from '@sovereign/engine';
import { connectGuestChannel } from '@sovereign/guest';
import { collect, environmentOf, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { absenceOfFake, DockerSandboxScene } from './scene.ts';

const client = fileURLToPath(new URL('client.ts', import.meta.url));

/** A sandbox from its create to its end, over the published interface as it is acted out. */
tierTest('bubblewrap', absenceOfFake(), () => {
  const { play } = DockerSandboxScene;

  verifies(
    'R-TIER-6',
    'create, commands, files, a terminal, another process, stop and start, remove: nothing is left',
    { timeoutMs: 60_000 },
    async () => {
      await play(async (scene) => {
        const hostPath = await scene.workspace();
        const backend = scene.backend();
        const guest = await scene.create(backend, { workspace: { hostPath }, env: { GREETING: 'hello' } });
        const said = await scene.run(
          guest,
          'sh',
          '-c',
          'echo "$GREETING"; pwd; echo kept > /root/kept; cat > in',
        );
        expect(said.stdout.toString()).toBe(`hello\n${hostPath}\n`);

        const channel = connectGuestChannel(await guest.connect());
        await channel.files.write(`${hostPath}/made-inside`, Buffer.from('by the channel'));
        expect(await readFile(`${hostPath}/made-inside`, 'utf8')).toBe('by the channel');
        const terminal = channel.exec({
          ...{ command: 'sh', args: ['-c', 'test -t 0 && test -t 1 && stty size'] },
          ...{ cwd: '/', env: environmentOf(guest), pty: { rows: 7, columns: 33 } },
        });
        expect((await collect(terminal)).stdout.toString().trim()).toBe('7 33');

        // The process that made it may end, and another one come.
        const elsewhere = (script: string): string =>
          execFileSync(
            process.execPath,
            [
              ...['--import', 'tsx', '--conditions=@sovereign/source', client],
              ...[scene.path('state'), scene.program, 'run', guest.id, script],
            ],
            { encoding: 'utf8' },
          );
        expect(elsewhere('echo "$GREETING from elsewhere"; cat /root/kept')).toBe(
          'hello from elsewhere\nkept\n',
        );
        await channel.close();
        await backend.close();

        const after = scene.backend();
        expect(await after.list()).toMatchObject([{ id: guest.id, state: 'running' }]);
        const again = await after.attach(guest.id);
        await again.stop({ graceMs: 200 });
        expect(await again.status()).toBe('stopped');
        await again.start();
        expect((await scene.run(again, 'cat', '/root/kept')).stdout.toString()).toBe('kept\n');
        await again.remove();
        expect(await after.list()).toEqual([]);
        expect(await scene.machines()).toEqual([]);
        expect((await readdir(hostPath)).sort()).toEqual(['in', 'made-inside']);
      });
    },
  );

  verifies(
    ['R-TIER-6', 'R-TIER-10'],
    'the report says what was found active inside and outside, also to whoever attaches',
    async () => {
      await play(async (scene) => {
        const backends = [scene.backend()];
        const { runtime } = openEngine({ home: scene.path('home'), backends, env: process.env });
        const sandbox = await runtime.create({ tier: 'docker-sandbox' });
        const layer = (name: string) => sandbox.report.layers.find((one) => one.name === name);
        expect(sandbox.report).toMatchObject({ type: 'docker-sandbox', tier: 'microvm', isIsolated: true });
        expect(layer('seccomp')).toMatchObject({ state: 'active' });
        expect(layer('virtual-machine')).toMatchObject({ state: 'active' });
        expect(layer('network-policy')).toMatchObject({
          state: 'active',
          detail: expect.stringContaining('sbx policy check'),
        });
        const result = await sandbox.exec({ command: 'echo', args: ['well'] });
        expect(Buffer.from(result.stdout).toString()).toBe('well\n');
        await runtime.close();

        const second = openEngine({ home: scene.path('home'), backends, env: process.env }).runtime;
        const found = await second.attach(sandbox.id);
        await found.exec({ command: 'true' });
        expect(found.report.layers).toEqual(sandbox.report.layers);
        await found.remove();
        await second.close();
      });
    },
  );

  verifies('R-TIER-6', 'limits and the image reach the program', async () => {
    await play(async (scene) => {
      await scene.create(scene.backend(), {
        image: { kind: 'reference', reference: 'team/image:1' },
        limits: { memoryBytes: 1024 ** 3, cpus: 2 },
      });
      const made = (await scene.log()).find(({ argv }) => argv[0] === 'create');
      expect(made?.argv).toEqual(
        expect.arrayContaining(['--memory=1024m', '--cpus=2', '--template=team/image:1', 'shell']),
      );
    });
  });

  verifies('R-TIER-6', 'an image by name is left to the program to fetch, and not fetched anew', async () => {
    await play(async (scene) => {
      const backends = [scene.backend()];
      const { runtime } = openEngine({ home: scene.path('home'), backends, env: process.env });
      const image = { kind: 'reference', reference: 'team/image:1' } as const;
      const sandbox = await runtime.create({ tier: 'docker-sandbox', image, pull: 'missing' });
      await sandbox.remove();
      await expect(runtime.create({ tier: 'docker-sandbox', image, pull: 'always' })).rejects.toMatchObject({
        reason: 'capability.missing',
      });
      await runtime.close();
    });
  });

  verifies('R-TIER-6', 'what the program is told: no key, and no agent of SSH', async () => {
    await play(async (scene) => {
      const env = { ...process.env, SSH_AUTH_SOCK: '/agent', SERVICE_API_KEY: 'secret', DOCKER_CONFIG: '/d' };
      await scene.create(scene.backend({ env }));
      for (const call of await scene.log()) {
        expect(call.env).toEqual(expect.arrayContaining(['DOCKER_CONFIG', 'PATH']));
        expect(call.env).not.toContain('SSH_AUTH_SOCK');
        expect(call.env).not.toContain('SERVICE_API_KEY');
      }
    });
  });

  verifies(
    'R-TIER-6',
    'the plugin of the docker command: the same, and its network said not verified',
    async () => {
      await play(async (scene) => {
        const backend = scene.backend();
        expect(await backend.probe()).toMatchObject({
          ok: true,
          byNameOnly: expect.stringContaining('network'),
        });
        const guest = await scene.create(backend);
        expect(guest.outerLayers?.find(({ name }) => name === 'network-policy')).toMatchObject({
          state: 'unsupported',
          detail: expect.stringContaining('not verified'),
        });
        expect((await scene.run(guest, 'echo', 'well')).stdout.toString()).toBe('well\n');
        expect((await scene.log()).map(({ argv }) => argv.slice(0, 2).join(' '))).toContain('network proxy');
        await guest.stop({ graceMs: 0 });
        await guest.start();
        await guest.remove();
        expect(await scene.machines()).toEqual([]);
      }, 'docker');
    },
  );

  verifies(
    'R-TIER-6',
    'a guest of another processor gets the shelld that is built for it, or none',
    async () => {
      await play(async (scene) => {
        const shelldPath = await scene.foreignShelld();
        const architecture = process.arch === 'x64' ? 'x86_64' : 'aarch64';
        const backend = scene.backend({ shelldPath });
        await expect(scene.create(backend)).rejects.toMatchObject({
          reason: 'shelld.missing',
          message: expect.stringContaining(architecture),
          hint: expect.stringContaining(`${shelldPath}-${architecture}`),
        });
        expect(await backend.list()).toEqual([]);
        const { findShelld } = await import('@sovereign/guest');
        await writeFile(`${shelldPath}-${architecture}`, await readFile(findShelld()), { mode: 0o755 });
        expect((await scene.run(await scene.create(backend), 'echo', 'well')).stdout.toString()).toBe(
          'well\n',
        );
      });
    },
  );
});
