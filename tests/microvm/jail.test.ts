import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Guest } from '@sovereign/core';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { MachineScene } from './scene.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, jail);

const patience = { timeoutMs: 60_000 };

/** QEMU's pid on the host: the child of the jail's first process. */
async function monitorOf(scene: MachineScene, guest: Guest): Promise<number> {
  const path = join(scene.root, 's', 'qemu', 'sandboxes', guest.id, 'machine.json');
  const { pid } = JSON.parse(await readFile(path, 'utf8')) as { pid: number };
  return Number((await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim());
}

function jail(): void {
  verifies(
    'R-TIER-4',
    'the monitor is nobody on the host, without network, under seccomp, and sees none of its files',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const guest = await scene.create();
        const pid = await monitorOf(scene, guest);
        const status = await readFile(`/proc/${pid}/status`, 'utf8');
        expect(status).toMatch(/^Name:\tqemu-system/m);
        expect(status).toMatch(/^Seccomp:\t2$/m);
        if (process.geteuid?.() === 0)
          expect((await stat(`/proc/${pid}`)).uid).toBeGreaterThanOrEqual(0x4000_0000);
        for (const kind of ['net', 'mnt', 'pid', 'ipc', 'user'])
          expect(await readlink(`/proc/${pid}/ns/${kind}`)).not.toBe(await readlink(`/proc/self/ns/${kind}`));
        for (const path of ['home', 'root', 'var', 'etc/passwd', scene.root.slice(1)])
          await expect(stat(`/proc/${pid}/root/${path}`)).rejects.toMatchObject({ code: 'ENOENT' });
        // The twin: what it needs is there.
        expect((await stat(`/proc/${pid}/root/vm/machine/disk-0.qcow2`)).isFile()).toBe(true);
      });
    },
  );

  verifies(
    'R-TIER-4',
    'files that run later on the host stay as they are; others are written',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const hostPath = await scene.workspace();
        await mkdir(join(hostPath, '.git', 'hooks'), { recursive: true });
        await writeFile(join(hostPath, '.git', 'hooks', 'post-commit'), 'mine');
        const guest = await scene.create({ workspace: { hostPath } });
        await scene.sh(
          guest,
          'cd /workspace; echo evil > .git/hooks/post-commit; rm -rf .git/hooks; busybox mv .git .other; mount -o remount,rw /workspace; echo evil > .git/hooks/new; echo fine > .git/notes',
        );
        expect(await readFile(join(hostPath, '.git', 'hooks', 'post-commit'), 'utf8')).toBe('mine');
        await expect(stat(join(hostPath, '.git', 'hooks', 'new'))).rejects.toMatchObject({ code: 'ENOENT' });
        expect(await readFile(join(hostPath, '.git', 'notes'), 'utf8')).toBe('fine\n');
        const granted = await scene.create({ workspace: { hostPath, granted: ['.git/hooks'] } });
        await scene.sh(granted, 'echo allowed > /workspace/.git/hooks/post-commit');
        expect(await readFile(join(hostPath, '.git', 'hooks', 'post-commit'), 'utf8')).toBe('allowed\n');
      });
    },
  );

  verifies('R-TIER-4', 'a guest has no network card, and no way out of its workspace', patience, async () => {
    await MachineScene.play(async (scene) => {
      const hostPath = await scene.workspace();
      const guest = await scene.create({ workspace: { hostPath } });
      expect((await scene.sh(guest, 'ls /sys/class/net')).trim()).toBe('lo');
      execFileSync('ln', ['-s', '/etc/shadow', join(hostPath, 'link')]);
      expect(
        await scene.sh(guest, 'cat /workspace/link /workspace/../../etc/shadow 2>/dev/null; echo end'),
      ).toBe('end\n');
    });
  });
}
