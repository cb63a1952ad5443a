import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { missingLayers, requiredLayers } from '@sovereign/core';
import { connectGuestChannel } from '@sovereign/guest';
import { collect, environmentOf, sandboxSpecForTest, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { startEngine } from '../support/engines.ts';
import { busyboxRoot, pieces } from './busybox-root.ts';
import { killedCreate, sweepAfterKill } from './killed-create.ts';
import { playOn, type EngineScene } from './scene.ts';

const engine = await startEngine('docker');
const sandboxImage = 'sovereign/sandbox:test';

/** An engine of this host, treated as one elsewhere: nothing of the host is mounted, nothing of it is known. */
const play = (act: (scene: EngineScene) => Promise<void>): Promise<void> =>
  playOn(engine, { transport: 'relay', sandboxImage }, async (scene) => {
    await scene.backend.engine?.images.import(pieces(busyboxRoot()), { reference: sandboxImage });
    await act(scene);
  });

tierTest('docker', engine.absence, () => {
  verifies(
    ['R-TIER-2', 'R-TIER-6'],
    'an engine elsewhere: shelld is uploaded, and every layer judged from inside',
    async () => {
      await play(async ({ backend, create, sh }) => {
        const guest = await create();
        const channel = connectGuestChannel(await guest.connect());
        const { layers } = await channel.welcome;
        expect(missingLayers(requiredLayers(backend, guest.spec), layers)).toEqual([]);
        await channel.files.write('/tmp/file', Buffer.from('content'), { makeParents: true });
        expect(await sh(guest, 'cat /tmp/file; cat /proc/self/mountinfo | wc -l')).toMatch(/^content\d+\n$/);
        await channel.close();
      });
    },
  );

  verifies(
    'R-TIER-2',
    'an engine elsewhere: megabytes both ways are the same, over many connections at once',
    async () => {
      await play(async ({ create }) => {
        const guest = await create();
        const bytes = Buffer.alloc(8 * 1_048_576, 'the same both ways ');
        const lanes = await Promise.all(
          Array.from({ length: 5 }, async (_, index) => {
            const channel = connectGuestChannel(await guest.connect());
            await channel.files.write(`/file${index}`, bytes);
            const read: Uint8Array[] = [];
            for await (const chunk of channel.files.read(`/file${index}`)) read.push(Buffer.from(chunk));
            await channel.close();
            return Buffer.concat(read).equals(bytes);
          }),
        );
        expect(lanes).toEqual([true, true, true, true, true]);
      });
    },
  );

  verifies(
    'R-TIER-2',
    'an engine elsewhere: processes go on without us, and shelld is new after a start',
    async () => {
      await play(async ({ create, backend, sh }) => {
        const guest = await create();
        const first = connectGuestChannel(await guest.connect());
        const running = first.exec({
          command: 'sh',
          args: ['-c', 'echo before; sleep 0.3; echo after'],
          cwd: '/',
          env: environmentOf(guest),
          isDetached: true,
        });
        const { process } = await running.started;
        await first.close();
        const second = connectGuestChannel(await (await backend.attach(guest.id)).connect());
        expect((await collect(second.attach(process, { stdout: 0, stderr: 0 }))).stdout.toString()).toBe(
          'before\nafter\n',
        );
        await second.close();
        // What the guest's root puts in place of shelld is not what runs next.
        await sh(guest, 'rm -f /run/sovereign/shelld; echo "#!/bin/sh" > /run/sovereign/shelld');
        await guest.stop({ graceMs: 0 });
        await expect(guest.connect()).rejects.toMatchObject({ reason: 'sandbox.not-running' });
        await guest.start();
        expect(await sh(guest, 'echo again')).toBe('again\n');
      });
    },
  );

  verifies(
    ['R-TIER-2', 'R-PRIM-5'],
    'an engine elsewhere: USER and WORKDIR of an image are followed there too',
    async () => {
      await play(async ({ backend, create }) => {
        const config = { user: '1234:4321', workingDirectory: '/srv/work' };
        await backend.engine?.images.import(pieces(busyboxRoot()), { reference: 'whose:1', config });
        const guest = await create({ image: { kind: 'reference', reference: 'whose:1' } });
        const { user = '', workspacePath } = await backend.attach(guest.id);
        const channel = connectGuestChannel(await guest.connect());
        const script = 'echo $(id -u) $(id -g) $(pwd)';
        const asked = { command: 'sh', args: ['-c', script], cwd: workspacePath, env: environmentOf(guest) };
        const { stdout } = await collect(channel.exec({ ...asked, user }));
        expect(stdout.toString()).toBe('1234 4321 /srv/work\n');
        await channel.close();
      });
    },
  );

  verifies('R-TIER-2', 'an engine elsewhere: what it cannot have is refused by its name', async () => {
    await play(async ({ create, directory, backend }) => {
      const hostPath = await directory('w');
      for (const workspace of [{ hostPath }, { hostPath, isReadOnly: true }])
        await expect(create({ workspace })).rejects.toMatchObject({ reason: 'workspace.refused' });
      expect(await backend.list()).toEqual([]);
    });
    await playOn(engine, { transport: 'relay', sandboxImage: 'sovereign/none:1' }, async (scene) => {
      await expect(scene.create()).rejects.toMatchObject({ reason: 'image.not-found' });
      // Whoever brings that image there would be refused next: the workspace is looked at first.
      const workspace = { hostPath: await scene.directory('w') };
      await expect(scene.create({ workspace })).rejects.toMatchObject({
        reason: 'workspace.refused',
        hint: expect.stringContaining('--no-workspace') as unknown,
      });
    });
  });

  verifies(
    ['R-TIER-2', 'R-PRIM-5'],
    'an engine elsewhere: a root file system and an archive of this host are brought there',
    async () => {
      await play(async ({ create, directory, sh, root }) => {
        const path = join(root, 'root.tar');
        await writeFile(path, busyboxRoot());
        const tree = await directory('tree');
        execFileSync('tar', ['-C', tree, '-xf', path]);
        await writeFile(join(tree, 'bin', 'mark'), 'of the tree');
        expect(await sh(await create({ image: { kind: 'tar', path } }), 'echo up')).toBe('up\n');
        expect(await sh(await create({ image: { kind: 'rootfs', path: tree } }), 'cat /bin/mark')).toBe(
          'of the tree',
        );
      });
    },
  );

  verifies(
    ['R-TIER-2', 'R-PRIM-7'],
    'an engine elsewhere: what a killed client left there is named, swept, and gone',
    { timeoutMs: 120_000 },
    async () => {
      await play(async ({ backend, root }) => {
        const offered = backend.engine;
        if (offered === undefined) throw new Error('a container backend has an engine');
        const client = {
          stateDirectory: join(root, 's'),
          host: engine.host,
          transport: 'relay' as const,
          sandboxImage,
        };
        for (const afterMs of [30, 100, 250]) {
          await killedCreate(client, afterMs);
          await sweepAfterKill(backend);
        }
      });
    },
  );

  verifies(
    ['R-TIER-2', 'R-PRIM-7'],
    'an engine elsewhere: the image of a fork that was removed there by hand is a leftover',
    async () => {
      await play(async ({ backend, create }) => {
        const offered = backend.engine;
        if (offered === undefined) throw new Error('a container backend has an engine');
        const guest = await create();
        await guest.stop({ graceMs: 0 });
        const fork = await offered.fork(guest.id, sandboxSpecForTest());
        expect(await offered.leftovers()).toEqual([]);
        execFileSync('docker', ['-H', engine.host, 'rm', '-f', `sovereign-${fork.id}`], { stdio: 'ignore' });
        const [image, ...more] = await offered.leftovers();
        expect(more).toEqual([]);
        expect(image).toMatchObject({ kind: 'image', id: expect.stringContaining(fork.id) as unknown });
        if (image !== undefined) await offered.sweep(image);
        expect(await offered.leftovers()).toEqual([]);
        expect((await backend.list()).map(({ id }) => id)).toEqual([guest.id]);
      });
    },
  );
});
