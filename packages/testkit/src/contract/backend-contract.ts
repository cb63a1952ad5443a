import { describe, expect } from 'vitest';
import { verifies } from '../requirements/verifies.ts';
import { backendAbilities } from './backend-abilities.ts';
import { backendFailures } from './backend-failures.ts';
import { BackendScene, type BackendContractOptions } from './backend-subject.ts';
import { eventually } from './eventually.ts';
import { hostProcessesNamed, uniqueSleep } from './host-processes.ts';
import { lateBindingContract } from './late-binding-contract.ts';
import { expectNothingLeft } from './leak-snapshot.ts';
import { uniqueSandboxId } from './sandbox-spec-for-test.ts';

/**
 * Every promise of `Backend` and `Guest`. Declared capabilities are tested in both directions: what is declared works,
 * what is not declared is refused with `capability.missing`.
 */
export function backendContract(options: BackendContractOptions): void {
  describe(`backend contract: ${options.name}`, () => {
    describe('lifecycle', () => lifecycle(options));
    describe('abilities', () => backendAbilities(options));
    describe('late binding', () => lateBindingContract(options));
    describe('failures', () => backendFailures(options));
  });
}

function lifecycle(options: BackendContractOptions): void {
  const play = (act: (scene: BackendScene) => Promise<void>): Promise<void> =>
    BackendScene.play(options, act);

  verifies('R-TIER-9', 'probe says that it can run here, and how it knows', async () => {
    await play(async ({ backend }) => {
      const probe = await backend.probe();
      expect(probe).toMatchObject({ ok: true });
      if (probe.ok) expect(probe.detail).not.toBe('');
    });
  });

  verifies('R-TIER-9', 'a created guest runs and answers a round trip', async () => {
    await play(async (scene) => {
      const guest = await scene.create();
      expect(await guest.status()).toBe('running');
      expect(guest.workspacePath).toMatch(/^\//);
      const channel = await scene.channel(guest);
      expect(await channel.ping()).toBeLessThan(5_000);
      expect((await scene.run(guest, 'echo', 'hello')).stdout.toString()).toBe('hello\n');
    });
  });

  verifies('R-EXEC-2', 'the environment of the spec reaches commands through the guest', async () => {
    await play(async (scene) => {
      const guest = await scene.create({ env: { GREETING: 'good morning' } });
      expect(guest.spec.env).toEqual({ GREETING: 'good morning' });
      expect((await scene.run(guest, 'sh', '-c', 'echo "$GREETING"')).stdout.toString()).toBe(
        'good morning\n',
      );
    });
  });

  verifies('R-TIER-11', 'the workspace is the same directory inside and outside', async (context) => {
    if (!options.hasKernel) context.skip('the fake has no workspace on the host');
    await play(async (scene) => {
      const { readFile, stat, writeFile } = await import('node:fs/promises');
      const hostPath = await scene.workspace();
      await writeFile(`${hostPath}/from-host`, 'host');
      const guest = await scene.create({ workspace: { hostPath } });
      const { stdout } = await scene.run(guest, 'sh', '-c', 'cat from-host; echo guest > from-guest; pwd');
      expect(stdout.toString()).toBe(`host${guest.workspacePath}\n`);
      expect(await readFile(`${hostPath}/from-guest`, 'utf8')).toBe('guest\n');
      expect((await stat(`${hostPath}/from-guest`)).uid).toBe((await stat(hostPath)).uid);
    });
  });

  verifies(
    'R-TIER-11',
    'a read-only workspace is read and not written; the verdict is the host file',
    async (context) => {
      if (!options.hasKernel) context.skip('the fake has no workspace on the host');
      await play(async (scene) => {
        const { readdir, readFile, writeFile } = await import('node:fs/promises');
        const hostPath = await scene.workspace();
        await writeFile(`${hostPath}/kept`, 'kept');
        const guest = await scene.create({ workspace: { hostPath, isReadOnly: true } });
        const { stdout } = await scene.run(
          guest,
          'sh',
          '-c',
          'cat kept; echo x > kept; echo x > new; rm -f kept; true',
        );
        expect(stdout.toString()).toBe('kept');
        expect(await readFile(`${hostPath}/kept`, 'utf8')).toBe('kept');
        expect(await readdir(hostPath)).toEqual(['kept']);
      });
    },
  );

  verifies(
    'R-TIER-9',
    'list shows it with its spec; attach finds it; after remove neither does',
    async () => {
      await play(async (scene) => {
        const { backend } = scene;
        const spec = scene.spec({ name: 'named', labels: { purpose: 'test' } });
        const guest = await backend.create(spec);
        const record = (await backend.list()).find(({ id }) => id === spec.id);
        expect(record).toMatchObject({
          backend: backend.name,
          state: 'running',
          spec: { name: 'named', labels: { purpose: 'test' } },
        });
        expect((await backend.attach(spec.id)).id).toBe(spec.id);
        await guest.remove();
        expect((await backend.list()).map(({ id }) => id)).not.toContain(spec.id);
        await expect(backend.attach(spec.id)).rejects.toMatchObject({ reason: 'sandbox.not-found' });
      });
    },
  );

  verifies('R-TIER-9', 'an unknown id is sandbox.not-found', async () => {
    await play(async ({ backend }) => {
      await expect(backend.attach(uniqueSandboxId())).rejects.toMatchObject({ reason: 'sandbox.not-found' });
    });
  });

  verifies('R-TIER-9', 'remove is idempotent, also for two handles and at once', async () => {
    await play(async (scene) => {
      const guest = await scene.create();
      const other = await scene.backend.attach(guest.id);
      await Promise.all([guest.remove(), other.remove()]);
      await guest.remove();
      expect(await scene.backend.list()).toEqual([]);
    });
  });

  verifies(
    'R-TIER-9',
    'nothing is left after remove: processes, mounts, cgroups, sockets, files',
    async () => {
      await play(async (scene) => {
        const before = await scene.snapshot();
        const guest = await scene.create();
        const channel = await scene.channel(guest);
        const running = channel.exec({
          command: 'sleep',
          args: [uniqueSleep()],
          cwd: guest.workspacePath,
          env: environment(guest),
        });
        running.exit.catch(() => undefined);
        await running.started;
        await guest.remove();
        await channel.closed;
        await expectNothingLeft(before, scene.scope);
      });
    },
  );

  verifies('R-EXEC-4', 'remove kills what tried to get away', async (context) => {
    if (!options.hasKernel) context.skip('the fake has no processes');
    await play(async (scene) => {
      const guest = await scene.create();
      const marker = uniqueSleep();
      await scene.run(
        guest,
        'sh',
        '-c',
        `(setsid sh -c "trap '' TERM; sleep ${marker}" &) ; nohup sleep ${marker} >/dev/null 2>&1 &`,
      );
      if (options.hostSeesProcesses) {
        await eventually('they live', async () => (await hostProcessesNamed(marker)).length >= 2);
      }
      await guest.remove();
      expect(await hostProcessesNamed(marker)).toEqual([]);
    });
  });

  verifies(
    'R-TIER-9',
    '20 sandboxes created at once are apart, listed, and leave nothing',
    { timeoutMs: 120_000 },
    async () => {
      await play(async (scene) => {
        const before = await scene.snapshot();
        const guests = await Promise.all(
          Array.from({ length: 20 }, (_, index) => scene.create({ env: { NUMBER: String(index) } })),
        );
        const seen = await Promise.all(guests.map((guest) => scene.run(guest, 'sh', '-c', 'echo $NUMBER')));
        expect(seen.map(({ stdout }) => stdout.toString())).toEqual(guests.map((_, index) => `${index}\n`));
        expect((await scene.backend.list()).map(({ id }) => id).sort()).toEqual(
          guests.map(({ id }) => id).sort(),
        );
        await Promise.all(guests.map((guest) => guest.remove()));
        await expectNothingLeft(before, scene.scope);
      });
    },
  );
}

function environment(guest: { readonly baseEnv: Readonly<Record<string, string>> }): readonly string[] {
  return Object.entries(guest.baseEnv).map(([name, value]) => `${name}=${value}`);
}
