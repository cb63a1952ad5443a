import { join } from 'node:path';
import { expect } from 'vitest';
import { FileLedger, SovereignRuntime, type ImageConfig, type SandboxHandle } from '@sovereign/core';
import { verifies } from '../../requirements/verifies.ts';
import { bytes, EngineScene, type EngineContractOptions } from './engine-subject.ts';

/** Who commands of an image run as, and where (ADR 0022): the same on every engine, for shelld looks it up inside. */
export function usersContract(options: EngineContractOptions): void {
  const play = (act: (scene: UserScene) => Promise<void>): Promise<void> =>
    EngineScene.play(options, async (engine) => {
      const scene = await UserScene.open(options, engine);
      try {
        await act(scene);
      } finally {
        await scene.close();
      }
    });

  verifies('R-PRIM-5', 'commands run as USER of their image, with its groups and home', async (context) => {
    if (!options.hasKernel) context.skip('the fake has no users');
    await play(async (scene) => {
      for (const [user, expected] of [
        ['app', '1000 1001 1001 50 /home/app'],
        ['app:staff', '1000 50 50 /home/app'],
        ['1234:4321', '1234 4321 4321 /'],
        ['', '0 0 0 /root'],
      ] as const)
        expect([user, await ids(await scene.sandbox({ user }))]).toEqual([user, expected]);
    });
  });

  verifies(
    ['R-EXEC-1', 'R-PRIM-5'],
    'a sandbox, and a command, may name another user than the image',
    async (context) => {
      if (!options.hasKernel) context.skip('the fake has no users');
      await play(async (scene) => {
        const sandbox = await scene.sandbox({ user: 'app' }, '7:8');
        expect(await ids(sandbox)).toBe('7 8 8 /');
        expect(await ids(sandbox, 'app')).toBe('1000 1001 1001 50 /home/app');
        const script =
          'grep ^CapEff /proc/self/status | cut -f2; (echo x > /etc/motd) 2>/dev/null || echo refused';
        expect((await sandbox.shell(script)).stdoutText).toBe('0000000000000000\nrefused\n');
        expect((await sandbox.shell('echo x > /etc/motd', { user: 'root' })).exitCode).toBe(0);
        for (const user of ['nobody', 'app:none', '4294967295'])
          await expect(sandbox.shell('true', { user })).rejects.toMatchObject({ reason: 'argument.invalid' });
      });
    },
  );

  verifies(
    'R-PRIM-5',
    'WORKDIR of an image is where commands start, and is made where it is missing',
    async (context) => {
      if (!options.hasKernel) context.skip('the fake has no users');
      await play(async (scene) => {
        const sandbox = await scene.sandbox({ user: 'app', workingDirectory: '/srv/app/work' });
        const { stdoutText } = await sandbox.shell("pwd; stat -c '%a %u' /srv /srv/app/work");
        expect(stdoutText).toBe('/srv/app/work\n755 0\n755 0\n');
      });
    },
  );

  verifies('R-PRIM-1', 'whoever attaches to a container knows its user and directory', async (context) => {
    if (!options.hasKernel) context.skip('the fake has no users');
    await play(async (scene) => {
      const made = await scene.engine.started(
        await scene.image({ user: 'app', workingDirectory: '/srv', env: { PATH: '/bin' } }),
      );
      const after = await scene.engine.stage.restarted();
      const found = await after.attach(made.id);
      await after.close();
      for (const guest of [made, found])
        expect(guest).toMatchObject({ user: 'app', workspacePath: '/srv', isHomeDefault: true });
      expect(found.baseEnv).toMatchObject({ HOME: '/root', PATH: '/bin' });
    });
  });

  verifies(
    ['R-NEW-3', 'R-PRIM-1'],
    'a commit and a fork have user and directory of their image, and no others',
    async (context) => {
      if (!options.hasKernel) context.skip('the fake has no users');
      await play(async ({ engine: scene, image }) => {
        if (scene.lacks('commit') || scene.lacks('fork')) return;
        for (const [user, kept] of [
          ['app', 'app'],
          ['', undefined],
        ] as const) {
          const name = await image({ user, workingDirectory: '/srv' });
          const guest = await scene.started(name);
          const reference = `${scene.name()}:1`;
          await scene.engine.commit(guest.id, { reference });
          const committed = await scene.started(reference);
          expect([committed.user, committed.workspacePath]).toEqual([kept, '/srv']);
          await guest.stop({ graceMs: 200 });
          const forked = await scene.engine.fork(guest.id, scene.spec(name));
          expect([forked.user, forked.workspacePath]).toEqual([kept, '/srv']);
        }
      });
    },
  );
}

/** An engine under a runtime, which is what asks for a user. */
class UserScene {
  readonly engine: EngineScene;
  readonly #runtime: SovereignRuntime;

  private constructor(engine: EngineScene, runtime: SovereignRuntime) {
    this.engine = engine;
    this.#runtime = runtime;
  }

  static async open(options: EngineContractOptions, engine: EngineScene): Promise<UserScene> {
    const { stateDir } = engine.stage.directories;
    const runtime = new SovereignRuntime({
      backends: [await engine.stage.restarted()],
      ledger: new FileLedger({ directory: join(stateDir, 'ledger') }),
      actor: { via: 'test', user: 'tester' },
      openChannel: options.openChannel,
      activityDirectory: join(stateDir, 'activity'),
    });
    return new UserScene(engine, runtime);
  }

  /** Name of a new image with accounts and this configuration. */
  readonly image = async (config: Partial<ImageConfig>): Promise<string> => {
    const reference = `${this.engine.name()}:1`;
    await this.engine.engine.images.import(bytes(this.engine.rootfs()), { reference, config });
    return reference;
  };

  /** The containers stay until the engine's own scene ends. */
  close(): Promise<void> {
    return this.#runtime.close();
  }

  async sandbox(config: Partial<ImageConfig>, user?: string): Promise<SandboxHandle> {
    const image = await this.image({ env: { PATH: '/bin' }, ...config });
    const tier = this.engine.stage.backend.name;
    return this.#runtime.create({ tier, image, ...(user !== undefined && { user }) });
  }
}

async function ids(sandbox: SandboxHandle, user?: string): Promise<string> {
  const script = 'echo $(id -u) $(id -g) $(id -G) $HOME';
  const { stdoutText } = await sandbox.shell(script, user === undefined ? {} : { user });
  return stdoutText.trim();
}
