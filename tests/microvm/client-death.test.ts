import { watch } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isOwnedName } from '@sovereign/core';
import { tierTest, verifies, within } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { MachineHome } from './machine-home.ts';
import { MachineScene } from './scene.ts';
import { sendToMonitor } from './monitor.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, clientDeath);

const patience = { timeoutMs: 240_000 };

interface Held {
  readonly id: string;
  readonly process: number;
}

function clientDeath(): void {
  verifies(
    ['R-TIER-4', 'R-EXEC-5'],
    'ten machines whose process was killed are found, attached to and removed',
    patience,
    async () => {
      await MachineHome.play(async (machines) => {
        const holder = await machines.child('hold', { count: 10 });
        const made = (await holder.heard('holding', 120_000))['made'] as readonly Held[];
        await holder.kill();
        const client = await machines.client();
        const { sandboxes } = await client.list();
        expect(sandboxes.map(({ id }) => id).toSorted()).toEqual(made.map(({ id }) => id).toSorted());
        expect(new Set(sandboxes.map(({ state }) => state))).toEqual(new Set(['running']));
        for (const { id, process } of made) {
          const sandbox = await client.connect(id);
          const counting = await sandbox.attach(process);
          for await (const { data } of counting) if (data.byteLength > 0) break;
          expect((await sandbox.commands.run('echo answers')).stdoutText).toBe('answers\n');
          await sandbox.remove();
        }
        expect(await machines.left()).toEqual([]);
      });
    },
  );

  verifies(
    ['R-TIER-4', 'R-NEW-3'],
    'a machine whose snapshot ends with our process goes on, has its workspace and takes another',
    patience,
    async () => {
      await MachineHome.play(async (machines) => {
        const { scene } = machines;
        const client = await machines.client();
        const sandbox = await client.create({ ...machines.options, workspace: scene.workspace });
        const qemuState = scene.path('h', 'state', 'qemu');
        await mkdir(join(qemuState, 'snapshots'), { mode: 0o700 });
        // Killed as each of these appears: before it stands still, just then, and while it does.
        const signs = [
          { directory: join(qemuState, 'snapshots'), name: /^snp_/ },
          { directory: join(qemuState, 'sandboxes', sandbox.id, 'machine'), name: /^disk-/ },
          { directory: scene.path('h', 'run', sandbox.id), name: /^state$/ },
        ];
        for (const sign of signs) {
          const taker = await scene.child('snapshot', { target: sandbox.id }, machines.env);
          await taker.heard('ready');
          const seen = appears(sign);
          taker.go();
          await seen;
          await taker.kill();
          const found = await (await machines.client()).connect(sandbox.id);
          await found.files.write('from-guest', sign.directory);
          expect(await readFile(join(scene.workspace, 'from-guest'), 'utf8')).toBe(sign.directory);
          await client.removeSnapshot((await found.snapshot()).id);
        }
        await sandbox.remove();
      });
    },
  );

  verifies(
    ['R-TIER-4', 'R-NEW-3'],
    'a machine that was left standing still in a snapshot is listed as what it is, and goes on when it is taken up',
    patience,
    async () => {
      await MachineHome.play(async (machines) => {
        const { scene } = machines;
        const client = await machines.client();
        const sandbox = await client.create(machines.options);
        const monitor = scene.path('h', 'run', `${sandbox.id}.qmp`);
        const snapshots = scene.path('h', 'state', 'qemu', 'snapshots');
        // Its memory is copied while it stands still: there is enough of it to be killed in the middle.
        await sandbox.commands.run('dd if=/dev/zero of=/tmp/fill bs=1M count=48');
        const seen: string[] = [];
        for (let round = 0; round < 20 && !seen.includes('paused'); round++) {
          const taker = await scene.child('snapshot', { target: sandbox.id }, machines.env);
          await taker.heard('ready');
          taker.go();
          const isCopying = async (): Promise<boolean> => {
            const names = await readdir(snapshots, { recursive: true }).catch(() => []);
            return names.some((name) => isOwnedName(name.split('/')[0] ?? '') && name.endsWith('/memory'));
          };
          while (!(await within('a copy of its memory', isCopying()))) await new Promise(setImmediate);
          await taker.kill();
          const { running } = (await sendToMonitor(monitor, 'query-status')) as { readonly running: boolean };
          const { sandboxes } = await (await machines.client()).list();
          expect(sandboxes.map(({ state }) => state)).toEqual([running ? 'running' : 'paused']);
          seen.push(running ? 'running' : 'paused');
          await rm(snapshots, { recursive: true });
        }
        expect(seen).toContain('paused');
        const found = await (await machines.client()).connect(sandbox.id);
        expect((await found.commands.run('echo on')).stdoutText).toBe('on\n');
        expect((await client.list()).sandboxes.map(({ state }) => state)).toEqual(['running']);
        await sandbox.remove();
      });
    },
  );

  verifies(
    ['R-TIER-4', 'R-NEW-3'],
    'a machine that was left standing still, without its workspace, goes on at the next conversation',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const hostPath = await scene.workspace();
        const guest = await scene.create({ workspace: { hostPath } });
        await scene.sh(guest, 'busybox umount /workspace', { cwd: '/' });
        await sendToMonitor(join(scene.root, 'r', `${guest.id}.qmp`), 'stop');
        // What a process that is gone leaves: a lock that names nobody who lives.
        await writeFile(join(scene.root, 's', 'qemu', 'sandboxes', guest.id, 'snapshot.lock'), '{}');
        expect(await guest.status()).toBe('paused');
        await scene.restart();
        const found = scene.keep(await scene.backend.attach(guest.id));
        expect(await found.status()).toBe('running');
        expect(await scene.sh(found, 'cat from-host')).toBe('host');
        expect(await readdir(join(scene.root, 's', 'qemu', 'sandboxes', guest.id))).not.toContain(
          'snapshot.lock',
        );
        await sendToMonitor(join(scene.root, 'r', `${guest.id}.qmp`), 'stop');
        await writeFile(join(scene.root, 's', 'qemu', 'sandboxes', guest.id, 'snapshot.lock'), '{}');
        expect((await scene.backend.list())[0]?.state).toBe('paused');
        await found.resume();
        expect(await found.status()).toBe('running');
        expect(await scene.sh(found, 'cat from-host')).toBe('host');
      });
    },
  );
}

/** Resolves as soon as a name appears in a directory, or changes there. */
async function appears({
  directory,
  name,
}: {
  readonly directory: string;
  readonly name: RegExp;
}): Promise<void> {
  await new Promise<void>((resolve) => {
    const watcher = watch(directory, (_event, found) => {
      if (found === null || !name.test(found)) return;
      watcher.close();
      resolve();
    });
  });
}
