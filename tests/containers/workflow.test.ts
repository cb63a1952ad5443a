import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Sovereign, type GarbageItem, type Sandbox } from '@sovereign/sdk';
import { busyboxAbsence, eventually, skipOrFail, testRootfs, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { once } from './scene.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [quilt] = await probeTiers(['quilt']);

/** A home of its own: short, for its sockets. */
async function atHome(act: (home: string) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'svw-'));
  try {
    await act(home);
  } finally {
    await using sovereign = await Sovereign.open({ home });
    for (const { id } of (await sovereign.list()).sandboxes) await sovereign.remove(id);
    await rm(home, { recursive: true, force: true });
  }
}

/** Control groups are the host's: those of other homes, which may be coming up just now, are not looked at. */
async function ownGarbage(sovereign: Sovereign): Promise<readonly GarbageItem[]> {
  return (await sovereign.planGc()).items.filter(({ kind }) => kind !== 'cgroup');
}

/** Starts a server that stays. */
async function serve(sandbox: Sandbox, script: string): Promise<void> {
  await sandbox.spawn({ command: 'sh', args: ['-c', script], isDetached: true });
}

tierTest('quilt', quilt?.absence ?? { isMissing: true, reason: 'this build has no quilt' }, () => {
  verifies(
    ['R-PRIM-1', 'R-PRIM-3', 'R-PRIM-6', 'R-NEW-2'],
    'the example: a database, a web server, a connection on one port, kept for a session, cleaned up',
    { timeoutMs: 120_000 },
    async (context) => {
      if (!existsSync('/usr/bin/python3')) skipOrFail(context, 'python', '/usr/bin/python3 is missing');
      await atHome(async (home) => {
        const tsx = join(root, 'node_modules/.bin/tsx');
        const args = ['--conditions=@sovereign/source', join(root, 'examples/database-and-web.ts')];
        const child = spawn(tsx, args, { cwd: root, env: { ...process.env, SOVEREIGN_HOME: home } });
        let said = '';
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (data: Buffer) => (said += data.toString()));
        const code = await new Promise((resolve) => child.on('close', resolve));
        expect(said).toContain('page "visit 2"');
        expect(said).toContain('in db it listens');
        expect(said).toMatch(/another port of db: ConnectionRefusedError/);
        expect(said).toContain('without the link no answer');
        expect(said).toContain('kept for the session running, running');
        expect(said).toContain('removed 2');
        expect(code).toBe(0);
      });
    },
  );

  verifies(
    ['R-PRIM-1', 'R-PRIM-3', 'R-PRIM-4', 'R-PRIM-5', 'R-PRIM-6', 'R-TIER-3'],
    'the same of images, over two processes: the session survives the one, the other ends exactly it',
    { timeoutMs: 120_000 },
    async (context) => {
      const absence = busyboxAbsence();
      if (absence !== undefined) skipOrFail(context, 'busybox', absence);
      await atHome(async (home) => {
        const session = { strategy: 'session', scope: 'chat-7' } as const;
        await using first = await Sovereign.open({ home, via: 'first' });
        await first.images.import(once(testRootfs({ hasBusybox: true })), {
          reference: 'base:1',
          config: { env: { PATH: '/bin' } },
        });
        await first.volumes.create('rows');
        const volumes = [{ volume: 'rows', guestPath: '/rows' }];
        await first.containers.createContainer({ image: 'base:1', name: 'db', volumes, ...session });
        await first.containers.createContainer({ image: 'base:1', name: 'web', ...session });
        await first.containers.createContainer({ image: 'base:1', name: 'other' });
        for (const name of ['db', 'web', 'other']) await first.containers.startContainer(name);
        await first.containers.execInContainer('db', {
          command: 'tee',
          args: ['/rows/1'],
          stdin: 'row one\n',
        });
        await serve(await first.connect('db'), 'while :; do nc -l -p 5432 -e cat /rows/1; done');
        await first.containers.establishConnection('web', 'db', 5432);
        const ask = { command: 'sh', args: ['-c', 'nc -w 2 db 5432 </dev/null'] };
        await eventually('web reads a row of db', async () => {
          const { stdoutText } = await first.containers.execInContainer('web', ask);
          return stdoutText === 'row one\n';
        });
        expect((await first.containers.execInContainer('other', ask)).stdoutText).toBe('');
        await first.close();

        await using second = await Sovereign.open({ home, via: 'second' });
        const { containers } = await second.containers.listContainers();
        expect(containers.map(({ name, state }) => `${name ?? ''} ${state}`)).toEqual([
          'db running',
          'web running',
          'other running',
        ]);
        const { stdoutText } = await second.containers.execInContainer('db', {
          command: 'cat',
          args: ['/rows/1'],
        });
        expect(stdoutText).toBe('row one\n');
        expect(await second.completeSession('chat-7')).toMatchObject({
          removed: [expect.any(String), expect.any(String)],
          failed: [],
        });
        expect((await second.list()).sandboxes.map(({ spec }) => spec.name)).toEqual(['other']);
        expect(await second.volumes.inspect('rows')).toMatchObject({ users: [] });
        expect(await ownGarbage(second)).toEqual([]);
      });
    },
  );

  verifies(
    ['R-PRIM-6', 'R-PRIM-7'],
    'an idle sandbox is stopped by another process than the one that made it, and its files are kept',
    { timeoutMs: 60_000 },
    async () => {
      await atHome(async (home) => {
        await using first = await Sovereign.open({ home });
        const sandbox = await first.create({ lifetime: { idleMs: 1_000 } });
        await sandbox.exec({ command: 'touch', args: ['/tmp/kept'] });
        const { id } = sandbox;
        await first.close();
        await using second = await Sovereign.open({ home });
        // Listing it, the second has learnt of its limit. Its outcome is recorded when the stop is over.
        await second.list();
        await eventually('its reaper has stopped it', async () => {
          for await (const { kind } of second.readLedger({ actions: ['sandbox.stop'] }))
            if (kind === 'outcome') return true;
          return false;
        });
        const again = await second.connect(id);
        expect(await again.status()).toBe('stopped');
        await again.start();
        expect((await again.exec({ command: 'ls', args: ['/tmp/kept'] })).exitCode).toBe(0);
      });
    },
  );
});
