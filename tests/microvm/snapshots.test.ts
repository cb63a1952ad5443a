import { readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSnapshotId, type Guest, type SnapshotRecord } from '@sovereign/core';
import { connectGuestChannel, type HostGuestChannel } from '@sovereign/guest';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { MachineScene } from './scene.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, snapshots);

const patience = { timeoutMs: 120_000 };

function take(scene: MachineScene, guest: Guest): Promise<SnapshotRecord> {
  return scene.snapshots.take(guest.id, { id: createSnapshotId() });
}

async function resume(scene: MachineScene, { id }: SnapshotRecord): Promise<Guest> {
  return scene.keep(await scene.snapshots.resume(id, scene.spec()));
}

/** As many at once as a machine takes. */
async function conversations(guest: Guest): Promise<readonly HostGuestChannel[]> {
  const open: HostGuestChannel[] = [];
  try {
    for (;;) open.push(connectGuestChannel(await guest.connect()));
  } catch (error) {
    expect(error).toMatchObject({ reason: 'guest.exhausted' });
    return open;
  }
}

function snapshots(): void {
  verifies(
    'R-NEW-3',
    'memory, processes and disk come back as they were; the source runs on',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const guest = await scene.create();
        // Grows by whole lines: whoever writes a file anew is caught with an empty one.
        const background = `sh -c 'while :; do echo beat >> /dev/shm/beats; sleep 0.05; done' >/dev/null 2>&1 &`;
        await scene.sh(guest, `echo memory > /dev/shm/note; echo disk > /note; ${background} sleep 0.2`);
        const snapshot = await take(scene, guest);
        expect(snapshot.pausedMs).toBeGreaterThan(0);
        await scene.sh(guest, 'echo later > /dev/shm/note; echo later > /note');
        await scene.restart();
        const resumed = await resume(scene, snapshot);
        expect(await scene.sh(resumed, 'cat /dev/shm/note /note')).toBe('memory\ndisk\n');
        const beats = await scene.sh(
          resumed,
          'cat /dev/shm/beats; echo later; sleep 0.5; cat /dev/shm/beats',
        );
        const [before = '', after = ''] = beats.split('later\n');
        expect(before).toContain('beat');
        expect(after.length).toBeGreaterThan(before.length);
        expect(await scene.sh(guest, 'cat /dev/shm/note /note')).toBe('later\nlater\n');
      });
    },
  );

  verifies(
    'R-NEW-3',
    'forks of one snapshot have nothing in common that ought to be unique',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const guest = await scene.create();
        const snapshot = await take(scene, guest);
        const forks = await Promise.all([1, 2, 3].map(() => resume(scene, snapshot)));
        const unique =
          'cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/boot_id /etc/machine-id; hostname; od -An -N16 -tx1 /dev/urandom';
        const seen = await Promise.all([guest, ...forks].map((one) => scene.sh(one, unique)));
        const lines = seen.flatMap((text) => text.trim().split('\n'));
        expect(lines).toHaveLength(4 * 5);
        expect(new Set(lines).size).toBe(lines.length);
        for (const fork of forks) {
          const clock = Number((await scene.sh(fork, 'busybox date +%s')).trim());
          expect(Math.abs(clock - Date.now() / 1_000)).toBeLessThan(5);
        }
      });
    },
  );

  verifies(
    'R-NEW-3',
    'a fork has its identity where commands moved that of its snapshot, and what they put there stays theirs',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const guest = await scene.create();
        // As long as a machine id: only that it is theirs keeps it from being written over.
        const theirs = `printf '%032d\\n' 7 > /linked`;
        const moved = 'busybox ln -sf /linked /etc/machine-id; busybox ln -f /etc/hostname /old-name';
        const uncovered = 'busybox umount /proc/sys/kernel/random/boot_id';
        await scene.sh(guest, `set -e; ${theirs}; ${moved}; ${uncovered}`);
        const snapshot = await take(scene, guest);
        const forks = await Promise.all([1, 2].map(() => resume(scene, snapshot)));
        const own = 'cat /etc/machine-id /etc/hostname; echo; cat /proc/sys/kernel/random/boot_id';
        const lines = await Promise.all([guest, ...forks].map((one) => scene.sh(one, own)));
        const seen = lines.flatMap((text) => text.trim().split('\n'));
        expect(new Set(seen).size).toBe(seen.length);
        const kept = await Promise.all(forks.map((fork) => scene.sh(fork, 'cat /linked /old-name')));
        for (const text of kept)
          expect(text).toBe(`${'7'.padStart(32, '0')}\n${guest.id.replaceAll('_', '-')}`);
      });
    },
  );

  verifies(
    'R-NEW-3',
    'a fork changes what is its own, and a snapshot can be taken of it',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const guest = await scene.create();
        const first = await take(scene, guest);
        const [one, other] = [await resume(scene, first), await resume(scene, first)];
        await scene.sh(one, 'echo one > /dev/shm/mine; echo one > /mine');
        expect(await scene.sh(other, 'ls /dev/shm /mine 2>/dev/null')).not.toContain('mine');
        const second = await take(scene, one);
        await scene.snapshots.remove(first.id);
        const again = await resume(scene, second);
        expect(await scene.sh(again, 'cat /dev/shm/mine /mine')).toBe('one\none\n');
        expect(await scene.sh(other, 'echo lives')).toBe('lives\n');
      });
    },
  );

  verifies(
    'R-NEW-3',
    'a workspace is given to a resumed sandbox and was not part of the snapshot',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const guest = await scene.create({ workspace: { hostPath: await scene.workspace() } });
        const snapshot = await take(scene, guest);
        expect(await scene.sh(guest, 'cat /workspace/from-host')).toBe('host');
        const hostPath = await scene.workspace();
        const resumed = scene.keep(
          await scene.snapshots.resume(snapshot.id, scene.spec({ workspace: { hostPath } })),
        );
        await scene.sh(resumed, 'echo guest > /workspace/from-guest');
        expect(await readFile(join(hostPath, 'from-guest'), 'utf8')).toBe('guest\n');
      });
    },
  );

  verifies(
    'R-NEW-3',
    'conversations that were open at the snapshot end with the resume: every connection serves again',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const guest = await scene.create();
        const talking = await conversations(guest);
        const resumed = await resume(scene, await take(scene, guest));
        const again = await conversations(resumed);
        expect(again).toHaveLength(talking.length);
        await Promise.all([...talking, ...again].map((channel) => channel.ping()));
        await Promise.all([...talking, ...again].map((channel) => channel.close()));
        expect(await scene.sh(resumed, 'echo answers')).toBe('answers\n');
      });
    },
  );

  verifies(
    'R-NEW-3',
    'a snapshot that cannot be taken leaves nothing, and the sandbox runs on',
    patience,
    async () => {
      await MachineScene.play(async (scene) => {
        const guest = await scene.create({ workspace: { hostPath: await scene.workspace() } });
        await scene.sh(guest, `sh -c 'cd /workspace; sleep 1000' >/dev/null 2>&1 & sleep 0.2`);
        await expect(take(scene, guest)).rejects.toMatchObject({ reason: 'snapshot.failed' });
        expect(await scene.snapshots.list()).toEqual([]);
        expect(await scene.sh(guest, 'cat /workspace/from-host')).toBe('host');
        const shared = await scene.create({ image: { kind: 'host' } });
        await expect(take(scene, shared)).rejects.toMatchObject({ reason: 'snapshot.failed' });
        expect(await scene.sh(shared, 'echo runs')).toBe('runs\n');
      });
    },
  );

  verifies('R-NEW-3', 'a file of a snapshot cut short anywhere is snapshot.corrupt', patience, async () => {
    await MachineScene.play(async (scene) => {
      const { id } = await take(scene, await scene.create());
      const directory = join(scene.root, 's', 'qemu', 'snapshots', id);
      const names = await readdir(directory);
      expect(names.toSorted()).toEqual(['disk-0.qcow2', 'memory', 'snapshot.json', 'state']);
      for (const name of names) {
        const path = join(directory, name);
        const content = await readFile(path);
        for (const bytes of [0, 1, Math.floor(content.byteLength / 2), content.byteLength - 1]) {
          await truncate(path, bytes);
          await expect(scene.snapshots.resume(id, scene.spec())).rejects.toMatchObject({
            reason: 'snapshot.corrupt',
          });
          await writeFile(path, content);
        }
      }
      expect(await scene.backend.list()).toHaveLength(1);
      expect((await resume(scene, { id } as SnapshotRecord)).id).toMatch(/^sbx_/);
    });
  });

  verifies('R-NEW-3', 'another version, processor or kernel is snapshot.incompatible', patience, async () => {
    await MachineScene.play(async (scene) => {
      const { id } = await take(scene, await scene.create());
      const path = join(scene.root, 's', 'qemu', 'snapshots', id, 'snapshot.json');
      const index = JSON.parse(await readFile(path, 'utf8')) as { boot: Record<string, unknown> };
      const changes = [
        { monitor: 'QEMU 1.0.0' },
        { cpuModel: 'another' },
        { kernel: '0'.repeat(64) },
        { accelerator: index.boot['accelerator'] === 'kvm' ? 'tcg' : 'kvm' },
      ];
      for (const change of changes) {
        await writeFile(path, JSON.stringify({ ...index, boot: { ...index.boot, ...change } }));
        await expect(scene.snapshots.resume(id, scene.spec())).rejects.toMatchObject({
          reason: 'snapshot.incompatible',
        });
      }
      expect(await scene.backend.list()).toHaveLength(1);
    });
  });
}
