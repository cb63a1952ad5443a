import { existsSync } from 'node:fs';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { skipOrFail, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { MachineHome } from './machine-home.ts';

for (const { absence } of await probeTiers(['qemu'])) tierTest('qemu', absence, hostMemory);

const mebibyte = 1024 * 1024;
const controller = '/sys/fs/cgroup/memory';

function hostMemory(): void {
  verifies(
    ['R-TIER-4', 'R-NEW-3'],
    'a resume for which the host has no memory says so before anything starts; with enough it works',
    { timeoutMs: 120_000 },
    async (context) => {
      if (process.geteuid?.() !== 0 || !existsSync(join(controller, 'memory.limit_in_bytes')))
        skipOrFail(context, 'root', 'a memory controller of version 1 and root are needed to limit a client');
      await MachineHome.play(async (machines) => {
        const client = await machines.client();
        const source = await client.create(machines.options);
        const snapshot = await source.snapshot();
        const group = join(controller, `svm-${process.pid}`);
        await mkdir(group);
        try {
          const resume = async (limitBytes: number): Promise<Readonly<Record<string, unknown>>> => {
            await writeFile(join(group, 'memory.limit_in_bytes'), String(limitBytes));
            const enter = `echo $$ > ${group}/cgroup.procs; exec "$@"`;
            const env = machines.env;
            const wrapper = ['sh', '-c', enter, 'sh'];
            const child = await machines.scene.child('resume', { target: snapshot.id }, env, wrapper);
            await child.heard('ready');
            child.go();
            return child.result(60_000);
          };
          const refused = await resume(160 * mebibyte);
          expect(refused).toMatchObject({ event: 'failed', reason: 'sandbox.create-failed' });
          expect(refused['message']).toMatch(/may need 192 MiB, and \d+ MiB of memory are free here/);
          expect((await client.list()).sandboxes.map(({ id }) => id)).toEqual([source.id]);
          const resumed = await resume(1024 * mebibyte);
          expect(resumed).toMatchObject({ event: 'done', stdoutText: 'answers\n' });
          await client.remove(String(resumed['id']));
        } finally {
          await rmdir(group);
        }
        await source.remove();
        await client.removeSnapshot(snapshot.id);
        expect(await machines.left()).toEqual([]);
      });
    },
  );
}
