import { readFile, writeFile } from 'node:fs/promises';
import type { Guest, SandboxSpec } from '@sovereign/core';
import { expect } from 'vitest';
import { verifies } from '../requirements/verifies.ts';
import { BackendScene, type BackendContractOptions } from './backend-subject.ts';
import { uniqueSandboxId } from './sandbox-spec-for-test.ts';

/** Both directions of what a running guest can still be given. A backend without late binding has nothing to show here. */
export function lateBindingContract(options: BackendContractOptions): void {
  const play = (act: (scene: BackendScene) => Promise<void>): Promise<void> =>
    BackendScene.play(options, act);

  verifies(
    'R-NEW-4',
    'a running guest becomes what it is bound to, and stays so after a restart',
    async (context) => {
      await play(async (scene) => {
        const { lateBinding } = scene.backend;
        if (lateBinding === undefined) return context.skip('late binding is not declared');
        const { warm, spec } = await warmGuest(scene);
        expect(warm.spec.pool).toEqual({ pool: 'ready' });
        const guest = await lateBinding.bind({
          ...spec,
          name: 'claimed',
          user: '7:8',
          env: { WHOSE: 'mine' },
          labels: { a: 'b' },
        });
        const own = { name: 'claimed', user: '7:8', env: { WHOSE: 'mine' }, labels: { a: 'b' } };
        const expected = { id: spec.id, ...own };
        expect(guest.spec).toMatchObject(expected);
        expect(guest.spec.pool).toBeUndefined();
        expect((await scene.run(guest, 'sh', '-c', 'echo "$WHOSE"')).stdout.toString()).toBe('mine\n');
        if (!scene.backend.capabilities.isPersistent) return;
        const after = await scene.restarted();
        const [record] = await after.list();
        expect(record).toMatchObject({ id: spec.id, state: 'running', spec: expected });
        expect(record?.spec.pool).toBeUndefined();
        await after.close();
      });
    },
  );

  verifies(
    'R-NEW-4',
    'a bound name is taken like any other, and free again when the guest is gone',
    async (context) => {
      await play(async (scene) => {
        const { lateBinding } = scene.backend;
        if (lateBinding === undefined) return context.skip('late binding is not declared');
        const first = await warmGuest(scene);
        const second = await warmGuest(scene);
        const named = await lateBinding.bind({ ...first.spec, name: 'wanted' });
        const taken = { reason: 'sandbox.exists' };
        await expect(lateBinding.bind({ ...second.spec, name: 'wanted' })).rejects.toMatchObject(taken);
        await expect(scene.create({ name: 'wanted' })).rejects.toMatchObject(taken);
        await named.remove();
        expect((await lateBinding.bind({ ...second.spec, name: 'wanted' })).spec.name).toBe('wanted');
      });
    },
  );

  verifies(
    'R-NEW-4',
    'a workspace is mounted late where that is declared and refused where not',
    async (context) => {
      if (!options.hasKernel) context.skip('the fake has no workspace on the host');
      await play(async (scene) => {
        const { lateBinding } = scene.backend;
        if (lateBinding === undefined) return context.skip('late binding is not declared');
        const { spec } = await warmGuest(scene);
        const hostPath = await scene.workspace();
        await writeFile(`${hostPath}/from-host`, 'host');
        const binding = lateBinding.bind({ ...spec, workspace: { hostPath } });
        if (!lateBinding.hasWorkspace) {
          await expect(binding).rejects.toMatchObject({ reason: 'capability.missing' });
          return;
        }
        const guest = await binding;
        const { stdout } = await scene.run(guest, 'sh', '-c', 'cat from-host; echo guest > from-guest');
        expect(stdout.toString()).toBe('host');
        expect(await readFile(`${hostPath}/from-guest`, 'utf8')).toBe('guest\n');
      });
    },
  );

  verifies('R-NEW-4', 'limits are bound late', async (context) => {
    await play(async (scene) => {
      const { lateBinding, capabilities } = scene.backend;
      if (lateBinding === undefined) return context.skip('late binding is not declared');
      if (!capabilities.canSetLimits) return context.skip('limits of a running guest are not declared');
      const { spec } = await warmGuest(scene);
      const guest = await lateBinding.bind({ ...spec, limits: { pids: 24 } });
      expect(guest.spec.limits).toEqual({ pids: 24 });
      if (!options.hasKernel) return;
      const script = 'i=0; while [ $i -lt 100 ]; do sleep 1 & i=$((i+1)); done 2>/dev/null; wait; echo end';
      const { stderr, stdout, exit } = await scene.run(guest, 'sh', '-c', script);
      expect(exit.exitCode !== 0 || stderr.byteLength > 0 || stdout.toString() !== 'end\n').toBe(true);
    });
  });

  verifies('R-NEW-4', 'what does not run, or is not there, is bound to nobody', async (context) => {
    await play(async (scene) => {
      const { lateBinding, capabilities } = scene.backend;
      if (lateBinding === undefined) return context.skip('late binding is not declared');
      const nobody = { ...scene.spec(), id: uniqueSandboxId() };
      await expect(lateBinding.bind(nobody)).rejects.toMatchObject({ reason: 'sandbox.not-found' });
      if (!capabilities.canStop) return;
      const { warm, spec } = await warmGuest(scene);
      await warm.stop({ graceMs: 0 });
      await expect(lateBinding.bind(spec)).rejects.toMatchObject({ reason: 'sandbox.not-running' });
    });
  });
}

/** A guest as a pool keeps it, and the spec of what it may become. */
async function warmGuest(scene: BackendScene): Promise<{ readonly warm: Guest; readonly spec: SandboxSpec }> {
  const spec = scene.spec();
  return { warm: await scene.backend.create({ ...spec, pool: { pool: 'ready' } }), spec };
}
