import { mkdir, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, signalProcess, type Guest } from '@sovereign/core';
import { connectGuestChannel } from '@sovereign/guest';
import { environmentOf, eventually, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { MachineScene } from './scene.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, faults);

const patience = { timeoutMs: 120_000 };
const mebibyte = 1024 * 1024;

/** The first process of the machine's jail, as its record says. */
async function machineOf(
  scene: MachineScene,
  guest: Guest,
): Promise<{ pid: number; startTicks: number; bootId: string }> {
  const path = join(scene.root, 's', 'qemu', 'sandboxes', guest.id, 'machine.json');
  return JSON.parse(await readFile(path, 'utf8')) as { pid: number; startTicks: number; bootId: string };
}

function faults(): void {
  verifies(
    'R-TIER-4',
    'a kernel that is missing, cut short or for another machine is refused by name',
    async () => {
      await MachineScene.play(async (scene) => {
        const path = join(scene.root, 'kernel');
        const refused = (reason: string): Promise<void> =>
          MachineScene.play((other) => expect(other.create()).rejects.toMatchObject({ reason }), {
            kernelPath: path,
          });
        await refused('microvm.kernel-missing');
        const elf = Buffer.alloc(4096);
        await writeFile(path, elf);
        await refused('microvm.kernel-invalid');
        elf.write('\u007fELF', 'latin1');
        elf[4] = 2;
        elf.writeUInt16LE(183, 18); // aarch64
        await writeFile(path, elf);
        await refused('microvm.kernel-invalid');
        elf.writeUInt16LE(62, 18);
        elf.writeBigUInt64LE(64n, 32);
        elf.writeUInt16LE(56, 54);
        elf.writeUInt16LE(1, 56);
        elf.writeBigUInt64LE(1_000_000n, 64 + 32);
        await writeFile(path, elf);
        await refused('microvm.kernel-invalid');
      });
    },
  );

  verifies(
    'R-TIER-4',
    'a root file system that was cut short since is refused, and nothing is left',
    async () => {
      await MachineScene.play(
        async (scene) => {
          const guest = await scene.create();
          await guest.remove();
          const directory = join(scene.root, 'images', 'microvm', 'root');
          for (const name of (await readdir(directory)).filter((one) => /^[0-9a-f]{64}$/.test(one)))
            await truncate(join(directory, name), 1_000);
          await expect(scene.create()).rejects.toMatchObject({ reason: 'microvm.kernel-invalid' });
          expect(await scene.backend.list()).toEqual([]);
        },
        // Images of this test's own: those of the others stay whole.
        { hasOwnImages: true },
      );
    },
  );

  verifies(
    'R-TIER-4',
    'a monitor that is killed ends its calls, and is stopped and not running',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const guest = await scene.create();
        const channel = connectGuestChannel(await guest.connect());
        const sleeping = channel.exec({
          command: 'sleep',
          args: ['1000'],
          cwd: '/',
          env: environmentOf(guest),
        });
        await sleeping.started;
        signalProcess(await machineOf(scene, guest), 'SIGKILL');
        await expect(sleeping.exit).rejects.toMatchObject({ reason: 'channel.closed' });
        await eventually('it is stopped', async () => (await guest.status()) === 'stopped');
        await expect(guest.connect()).rejects.toMatchObject({ reason: 'sandbox.not-running' });
        await guest.start();
        expect(await scene.sh(guest, 'echo again')).toBe('again\n');
      });
    },
  );

  verifies('R-TIER-4', 'a panic of the guest says what its console said', patience, async () => {
    await MachineScene.play(async (scene) => {
      const guest = await scene.create();
      const machine = await machineOf(scene, guest);
      const channel = connectGuestChannel(await guest.connect());
      const eating = channel.exec({
        command: 'sh',
        args: ['-c', 'echo c > /proc/sysrq-trigger'],
        cwd: '/',
        env: environmentOf(guest),
      });
      eating.exit.catch(() => undefined);
      expect(await channel.closed).toBeInstanceOf(Error);
      await eventually('the machine has ended', () => !isAlive(machine));
      const console = join(scene.root, 's', 'qemu', 'sandboxes', guest.id, 'console.log');
      expect(await readFile(console, 'utf8')).toContain('Kernel panic');
      expect(await guest.status()).toBe('stopped');
    });
  });

  verifies(
    'R-TIER-4',
    'a guest that fills its disk hears so, and the host gives it no more',
    patience,
    async () => {
      await MachineScene.play(
        async (scene) => {
          const guest = await scene.create();
          expect(await scene.sh(guest, 'dd if=/dev/zero of=/big bs=1M 2>&1')).toContain('No space left');
          const disk = join(scene.root, 's', 'qemu', 'sandboxes', guest.id, 'machine', 'disk-0.qcow2');
          expect((await stat(disk)).blocks * 512).toBeLessThan(80 * mebibyte);
          expect(await scene.sh(guest, 'rm /big; echo small > /small; cat /small')).toBe('small\n');
        },
        { diskBytes: 64 * mebibyte },
      );
    },
  );

  verifies(
    'R-TIER-4',
    'a guest that takes all memory or forks without end harms itself alone',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const [greedy, other] = [await scene.create(), await scene.create()];
        const bomb = 'i=0; while [ $i -lt 500 ]; do sleep 100 & i=$((i+1)); done 2>/dev/null; echo end';
        await scene
          .sh(
            greedy,
            `mount -o remount,size=80% /dev/shm; dd if=/dev/zero of=/dev/shm/all bs=1M 2>/dev/null; ${bomb}`,
            { timeoutMs: 20_000 },
          )
          .catch(() => '');
        expect(await scene.sh(other, 'echo well')).toBe('well\n');
        expect((await other.stats()).memoryBytes).toBeLessThan(600 * mebibyte);
        await greedy.remove();
      });
    },
  );

  verifies('R-TIER-4', 'a flood on the console costs the host 128 KiB', patience, async () => {
    await MachineScene.play(async (scene) => {
      const guest = await scene.create();
      await scene.sh(
        guest,
        'dd if=/dev/zero bs=1024 count=300 | tr "\\0" x > /dev/console; echo THE END > /dev/console',
      );
      const console = join(scene.root, 's', 'qemu', 'sandboxes', guest.id, 'console.log');
      await eventually('its end is there', async () => (await readFile(console, 'utf8')).includes('THE END'));
      expect((await stat(console)).size).toBeLessThanOrEqual(128 * 1024);
      expect(await scene.sh(guest, 'echo answers')).toBe('answers\n');
    });
  });

  verifies(
    'R-TIER-4',
    'a workspace that is removed from under it leaves the guest well',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const hostPath = await scene.workspace();
        const guest = await scene.create({ workspace: { hostPath } });
        await rm(hostPath, { recursive: true });
        expect(await scene.sh(guest, 'cat /workspace/from-host || echo gone', { cwd: '/' })).toBe('gone\n');
        await mkdir(hostPath);
        await guest.remove();
        expect(await scene.backend.list()).toEqual([]);
      });
    },
  );
}
