import { expect } from 'vitest';
import { eventually, tierTest, verifies } from '@sovereign/testkit';
import { probeTiers } from '../support/tiers.ts';
import { QuiltScene } from './scene.ts';

const mebibyte = 1_048_576;

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, resources);

function resources(): void {
  verifies(
    'R-PRIM-4',
    'limits are changed while it runs and show in the usage; the processes feel them',
    async (context) => {
      await QuiltScene.play(async (scene) => {
        if (!scene.backend.capabilities.canSetLimits) context.skip('needs control groups');
        const guest = await scene.create({ limits: { memoryBytes: 256 * mebibyte, pids: 100 } });
        expect(await guest.stats()).toMatchObject({ memoryLimitBytes: 256 * mebibyte, pidsLimit: 100 });
        await guest.setLimits({ memoryBytes: 64 * mebibyte, pids: 20, cpus: 0.2 });
        const before = await guest.stats();
        expect(before).toMatchObject({ memoryLimitBytes: 64 * mebibyte, pidsLimit: 20, cpuLimit: 0.2 });
        expect((await scene.sh(guest, 'timeout 0.6 sh -c "while :; do :; done"')).code).toBe(124);
        expect((await scene.sh(guest, 'python3 -c "x = bytearray(90 << 20)"')).code).not.toBe(0);
        expect((await scene.sh(guest, 'for i in $(seq 40); do sleep 5 & done')).err).toMatch(
          /[Cc]annot fork|Resource/,
        );
        const after = await guest.stats();
        expect(after.cpuUs).toBeGreaterThan(before.cpuUs);
        expect(after.cpuThrottledUs).toBeGreaterThan(before.cpuThrottledUs ?? 0);
        expect(after.memoryPeakBytes).toBeGreaterThan(before.memoryBytes);
        // The twin: with more of each the same works.
        await guest.setLimits({ memoryBytes: 256 * mebibyte, pids: 200, cpus: 2 });
        expect((await scene.sh(guest, 'python3 -c "x = bytearray(90 << 20)"')).code).toBe(0);
      });
    },
  );

  verifies('R-PRIM-4', 'a limit below what is used is refused and changes nothing', async (context) => {
    await QuiltScene.play(async (scene) => {
      if (!scene.backend.capabilities.canSetLimits) context.skip('needs control groups');
      const guest = await scene.create({ limits: { memoryBytes: 256 * mebibyte, pids: 50 } });
      const source =
        'import time; x = bytearray(b"x") * (80 << 20); print("full", flush=True); time.sleep(600)';
      await scene.withChannel(guest, async (channel) => {
        const holder = channel.exec({
          command: 'python3',
          args: ['-c', source],
          cwd: '/',
          env: ['PATH=/bin:/usr/bin'],
        });
        await holder.started;
        await eventually('it holds memory', async () => (await guest.stats()).memoryBytes > 80 * mebibyte);
        for (const limits of [{ memoryBytes: 40 * mebibyte }, { pids: 1 }])
          await expect(guest.setLimits(limits)).rejects.toMatchObject({ reason: 'limit.in-use' });
        expect(await guest.stats()).toMatchObject({ memoryLimitBytes: 256 * mebibyte, pidsLimit: 50 });
        await holder.kill();
        await holder.exit;
      });
      await guest.setLimits({ memoryBytes: 40 * mebibyte, pids: 10 });
      expect(await guest.stats()).toMatchObject({ memoryLimitBytes: 40 * mebibyte, pidsLimit: 10 });
    });
  });
}
