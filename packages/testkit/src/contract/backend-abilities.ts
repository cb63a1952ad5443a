import { readFile, readlink } from 'node:fs/promises';
import { expect } from 'vitest';
import type { Guest } from '@sovereign/core';
import { verifies } from '../requirements/verifies.ts';
import { BackendScene, environmentOf, type BackendContractOptions } from './backend-subject.ts';
import { collect } from './channel/channel-subject.ts';
import { eventually } from './eventually.ts';
import { hostProcessesNamed, uniqueSleep } from './host-processes.ts';

/** Both directions of every declared capability. */
export function backendAbilities(options: BackendContractOptions): void {
  const play = (act: (scene: BackendScene) => Promise<void>): Promise<void> =>
    BackendScene.play(options, act);
  const refusedAs = { reason: 'capability.missing' };

  verifies('R-TIER-9', 'pause: everything stands still until resume; undeclared it is refused', async () => {
    await play(async (scene) => {
      const guest = await scene.create();
      if (!scene.backend.capabilities.canPause) {
        await expect(guest.pause()).rejects.toMatchObject(refusedAs);
        await expect(guest.resume()).rejects.toMatchObject(refusedAs);
        expect(await guest.status()).toBe('running');
        return;
      }
      const ticking = await startTicking(scene, guest);
      await eventually('it ticks', () => ticking.count() > 2);
      await guest.pause();
      expect(await guest.status()).toBe('paused');
      const settled = await stillCount(ticking.count);
      await delay(500);
      expect(ticking.count()).toBe(settled);
      await expect(guest.pause()).rejects.toMatchObject({ reason: 'sandbox.not-running' });
      await guest.resume();
      expect(await guest.status()).toBe('running');
      await eventually('it ticks again', () => ticking.count() > settled);
    });
  });

  verifies('R-TIER-9', 'a paused sandbox can be removed', async (context) => {
    await play(async (scene) => {
      if (!scene.backend.capabilities.canPause) return context.skip('pause is not declared');
      const guest = await scene.create();
      await guest.pause();
      await guest.remove();
      expect(await scene.backend.list()).toEqual([]);
    });
  });

  verifies(
    'R-TIER-9',
    'stop asks first and kills after the grace; start brings it back; undeclared it is refused',
    async () => {
      await play(async (scene) => {
        const guest = await scene.create();
        if (!scene.backend.capabilities.canStop) {
          await expect(guest.stop({ graceMs: 100 })).rejects.toMatchObject(refusedAs);
          return;
        }
        const marker = uniqueSleep();
        if (options.hasKernel) {
          await scene.run(
            guest,
            'sh',
            '-c',
            `setsid sh -c "trap '' TERM; while :; do sleep ${marker}; done" >/dev/null 2>&1 &`,
          );
        }
        const began = Date.now();
        await guest.stop({ graceMs: 300 });
        expect(Date.now() - began).toBeLessThan(5_000);
        expect(await guest.status()).toBe('stopped');
        expect(await hostProcessesNamed(marker)).toEqual([]);
        await expect(guest.connect()).rejects.toMatchObject({ reason: 'sandbox.not-running' });
        await expect(guest.stop({ graceMs: 0 })).rejects.toMatchObject({ reason: 'sandbox.not-running' });
        expect((await scene.backend.list()).find(({ id }) => id === guest.id)?.state).toBe('stopped');
        await guest.start();
        expect(await guest.status()).toBe('running');
        await expect(guest.start()).rejects.toMatchObject({ reason: 'sandbox.not-running' });
        expect((await scene.run(guest, 'echo', 'back')).stdout.toString()).toBe('back\n');
      });
    },
  );

  verifies('R-TIER-9', 'stop lets a command that listens end by itself within the grace', async (context) => {
    if (!options.hasKernel) context.skip('the fake has no signal handlers');
    await play(async (scene) => {
      if (!scene.backend.capabilities.canStop) return context.skip('stop is not declared');
      const hostPath = await scene.workspace();
      const guest = await scene.create({ workspace: { hostPath } });
      const script = `trap "echo farewell > farewell; exit 0" TERM; echo ready > ready; while :; do sleep 0.05; done`;
      await scene.run(guest, 'sh', '-c', `setsid sh -c '${script}' >/dev/null 2>&1 &`);
      const { readdir } = await import('node:fs/promises');
      await eventually('it listens', async () => (await readdir(hostPath)).includes('ready'));
      await guest.stop({ graceMs: 5_000 });
      expect(await readdir(hostPath)).toContain('farewell');
    });
  });

  verifies(
    'R-TIER-9',
    'a persistent sandbox outlives its backend: listed, attached, its processes followed',
    async () => {
      await play(async (scene) => {
        const guest = await scene.create({ name: 'lasting' });
        if (!scene.backend.capabilities.isPersistent) {
          await scene.backend.close();
          const after = await scene.restarted();
          expect(await after.list()).toEqual([]);
          await after.close();
          return;
        }
        const channel = await scene.open(guest);
        const process = channel.exec({
          command: 'sh',
          args: ['-c', 'echo before; sleep 0.5; echo after'],
          cwd: guest.workspacePath,
          env: environmentOf(guest),
          isDetached: true,
        });
        process.exit.catch(() => undefined);
        const { process: id } = await process.started;
        await channel.close();
        const after = await scene.restarted();
        expect(await after.list()).toEqual([expect.objectContaining({ id: guest.id, state: 'running' })]);
        const again = await after.attach(guest.id);
        expect(again.workspacePath).toBe(guest.workspacePath);
        const second = await scene.open(again);
        expect((await collect(second.attach(id, { stdout: 0, stderr: 0 }))).stdout.toString()).toBe(
          'before\nafter\n',
        );
        await second.close();
        await again.remove();
        await after.close();
        expect(await scene.backend.list()).toEqual([]);
      });
    },
  );

  verifies('R-TIER-9', 'setLimits changes a running guest; undeclared it is refused', async () => {
    await play(async (scene) => {
      const guest = await scene.create();
      if (!scene.backend.capabilities.canSetLimits) {
        await expect(guest.setLimits({ pids: 64 })).rejects.toMatchObject(refusedAs);
        return;
      }
      await guest.setLimits({ pids: 64, memoryBytes: 256 * 1_048_576 });
      if (!options.hasKernel) return;
      const script = 'i=0; while [ $i -lt 200 ]; do sleep 2 & i=$((i+1)); done 2>/dev/null; wait; echo end';
      const { stderr, stdout, exit } = await scene.run(guest, 'sh', '-c', script);
      expect(exit.exitCode !== 0 || stderr.byteLength > 0 || stdout.toString() !== 'end\n').toBe(true);
      // The sleepers that did start hold the limit for two seconds more.
      await eventually(
        'commands run again',
        async () => (await scene.run(guest, 'echo', 'alive')).stdout.toString() === 'alive\n',
      );
    });
  });

  verifies('R-TIER-9', 'stats come from live accounting; undeclared they are refused', async () => {
    await play(async (scene) => {
      const guest = await scene.create();
      if (!scene.backend.capabilities.canStats) {
        await expect(guest.stats()).rejects.toMatchObject(refusedAs);
        return;
      }
      const before = await guest.stats();
      expect(before.pids).toBeGreaterThanOrEqual(1);
      expect(before.memoryBytes).toBeGreaterThan(0);
      if (!options.hasKernel) return;
      await scene.run(
        guest,
        'sh',
        '-c',
        'sleep 30 >/dev/null 2>&1 & i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done',
      );
      const after = await guest.stats();
      expect(after.cpuUs).toBeGreaterThan(before.cpuUs);
      expect(after.pids).toBeGreaterThan(before.pids);
    });
  });

  verifies('R-EXEC-3', 'a backend that declares a PTY has one', async (context) => {
    await play(async (scene) => {
      const guest = await scene.create();
      const channel = await scene.channel(guest);
      const start = async (): Promise<unknown> =>
        collect(
          channel.exec({
            command: 'sh',
            args: ['-c', 'stty size'],
            cwd: guest.workspacePath,
            env: environmentOf(guest),
            pty: { rows: 11, columns: 22 },
          }),
        );
      if (scene.backend.capabilities.hasPty)
        expect(await start()).toMatchObject({ stdout: Buffer.from('11 22\r\n') });
      else await expect(start()).rejects.toThrow();
      if (!scene.backend.capabilities.hasPty) context.skip('no PTY is declared, and it is refused');
    });
  });

  verifies(
    'R-PRIM-1',
    'making and starting are two acts where that is declared; undeclared it is refused',
    async () => {
      await play(async (scene) => {
        const spec = scene.spec();
        if (!scene.backend.capabilities.canDefine) {
          await expect(scene.backend.define(spec)).rejects.toMatchObject(refusedAs);
          expect(await scene.backend.list()).toEqual([]);
          return;
        }
        const guest = await scene.backend.define(spec);
        expect(await guest.status()).toBe('created');
        expect(await scene.backend.list()).toMatchObject([{ id: spec.id, state: 'created' }]);
        await expect(guest.connect()).rejects.toMatchObject({ reason: 'sandbox.not-running' });
        await guest.start();
        expect((await scene.run(guest, 'echo', 'up')).stdout.toString()).toBe('up\n');
        await guest.remove();
        expect(await scene.backend.list()).toEqual([]);
      });
    },
  );

  verifies('R-TIER-3', 'images other than host work where declared and are refused where not', async () => {
    await play(async (scene) => {
      if (!scene.backend.capabilities.hasImages) {
        await expect(
          scene.create({ image: { kind: 'rootfs', path: scene.directories.stateDir } }),
        ).rejects.toMatchObject(refusedAs);
      } else {
        await expect(scene.create({ image: { kind: 'rootfs', path: '/not/there' } })).rejects.toMatchObject({
          reason: 'image.invalid',
        });
      }
      expect(await scene.backend.list()).toEqual([]);
    });
  });

  verifies(
    'R-TIER-10',
    'an isolated backend shows its guest neither the processes nor the network of the host',
    async (context) => {
      if (!options.hasKernel) context.skip('the fake isolates nothing and says so');
      await play(async (scene) => {
        if (!scene.backend.capabilities.isIsolated) return context.skip('isolation is not declared');
        const guest = await scene.create();
        const { stdout } = await scene.run(
          guest,
          'sh',
          '-c',
          'cat /proc/sys/kernel/random/boot_id; readlink /proc/self/ns/net /proc/self/ns/pid; grep -l . /proc/[0-9]*/cmdline | wc -l',
        );
        const [boot, net, pid, count] = stdout.toString().split('\n');
        const hostBoot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
        // A kernel of its own numbers its first namespaces as ours does: there they say nothing.
        if (boot === hostBoot) {
          expect(net).not.toBe(await readlink('/proc/self/ns/net'));
          expect(pid).not.toBe(await readlink('/proc/self/ns/pid'));
        } else {
          expect(options.hostSeesProcesses).toBe(false);
        }
        expect(Number(count)).toBeLessThan(12);
      });
    },
  );
}

interface Ticking {
  readonly count: () => number;
}

/** A command that prints all the time; its output is counted here, outside. */
async function startTicking(scene: BackendScene, guest: Guest): Promise<Ticking> {
  const channel = await scene.channel(guest);
  let count = 0;
  const script = Array.from({ length: 600 }, () => 'echo tick; sleep 0.05').join('; ');
  const process = channel.exec(
    { command: 'sh', args: ['-c', script], cwd: guest.workspacePath, env: environmentOf(guest) },
    () => (count += 1),
  );
  process.exit.catch(() => undefined);
  await process.started;
  return { count: () => count };
}

/** What was under way when the pause came arrives still; then the count must not move. */
async function stillCount(count: () => number): Promise<number> {
  await delay(100);
  return count();
}

/** To show that nothing happens, time has to pass; nothing else in the suites sleeps. */
function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
