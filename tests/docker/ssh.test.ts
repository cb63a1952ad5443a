import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { connectGuestChannel } from '@sovereign/guest';
import { eventually, sandboxSpecForTest, tierTest, verifies } from '@sovereign/testkit';
import { afterAll, expect } from 'vitest';
import { startEngine } from '../support/engines.ts';
import { freePort } from '../support/free-port.ts';
import { knownHost, makeKey, sshAbsence, sshConfig, sshHome, SshServer } from '../support/ssh-server.ts';
import { busyboxRoot, pieces } from './busybox-root.ts';
import { playOn, type EngineScene } from './scene.ts';

const engine = await startEngine('docker');
const absence = sshAbsence();
const sandboxImage = 'sovereign/sandbox:test';
const root = mkdtempSync('/tmp/svh-');
afterAll(() => rmSync(root, { recursive: true, force: true }));
const server = absence.isMissing ? undefined : await SshServer.start(join(root, 'server'));
afterAll(() => server?.close());

function running(): SshServer {
  if (server === undefined) throw new Error('there is no sshd');
  return server;
}

/** A home whose `.ssh` has these files. */
const home = (name: string, files: Readonly<Record<string, string>>): string =>
  sshHome(join(root, name), files);

/** A backend of somebody with that home, on the engine behind a port of the loopback. */
async function play(
  userHome: string,
  act: (scene: EngineScene) => Promise<void>,
  port = running().port,
): Promise<void> {
  const socket = engine.host.slice('unix://'.length);
  const env = { DOCKER_HOST: `ssh://${running().user}@127.0.0.1:${port}${socket}` };
  await playOn(engine, { host: '', env, userHome, sandboxImage }, act);
  await eventually('no ssh is left', () => sshChildren() === 0);
}

function sshChildren(): number {
  return sshPids().length;
}

/** Processes named ssh that are ours. */
function sshPids(): readonly number[] {
  const isOurs = (pid: string): boolean => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return stat.includes(' (ssh) ') && stat.split(') ')[1]?.split(' ')[1] === String(process.pid);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc').filter(isOurs).map(Number);
}

/**
 * Begins something over connections whose server has ended their sessions, which they hear of only when the request is on
 * its way.
 */
async function onDyingConnections<T>(from: SshServer, act: () => Promise<T>): Promise<T> {
  const stopped = sshPids();
  for (const pid of stopped) process.kill(pid, 'SIGSTOP');
  try {
    from.endSessions();
    const result = act();
    result.catch(() => undefined);
    // What is written by then stands in the pipe of an ssh that does not read.
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    for (const pid of stopped) process.kill(pid, 'SIGCONT');
    return await result;
  } finally {
    for (const pid of sshPids()) process.kill(pid, 'SIGCONT');
  }
}

const refused = async ({ backend, create }: EngineScene, what: object): Promise<void> => {
  await expect(create()).rejects.toMatchObject(what);
  expect(await backend.probe()).toMatchObject({ ok: false });
};

tierTest('ssh', absence, () => {
  tierTest('docker', engine.absence, () => {
    verifies('R-TIER-2', 'over ssh: a sandbox runs, megabytes go both ways on many connections', async () => {
      const userHome = home('known', {
        config: sshConfig(running().userKey),
        known_hosts: running().knownHosts(),
      });
      await play(userHome, async ({ backend, create }) => {
        expect(await backend.probe()).toMatchObject({
          ok: true,
          detail: expect.stringContaining('another host') as unknown,
        });
        await backend.engine?.images.import(pieces(busyboxRoot()), { reference: sandboxImage });
        expect(sshChildren()).toBeGreaterThan(0);
        const guest = await create();
        const bytes = Buffer.alloc(4 * 1_048_576, 'the same both ways ');
        const lanes = await Promise.all(
          Array.from({ length: 4 }, async (_, index) => {
            const channel = connectGuestChannel(await guest.connect());
            await channel.files.write(`/file${index}`, bytes);
            const read: Uint8Array[] = [];
            for await (const chunk of channel.files.read(`/file${index}`)) read.push(Buffer.from(chunk));
            await channel.close();
            return Buffer.concat(read).equals(bytes);
          }),
        );
        expect(lanes).toEqual([true, true, true, true]);
      });
    });

    verifies('R-TIER-2', 'a hashed entry of known_hosts counts as any other', async () => {
      const userHome = home('hashed', {
        config: sshConfig(running().userKey),
        known_hosts: running().knownHosts(),
      });
      const path = join(userHome, '.ssh', 'known_hosts');
      execFileSync('ssh-keygen', ['-q', '-H', '-f', path], { stdio: 'ignore' });
      expect(readFileSync(path, 'utf8')).not.toContain('127.0.0.1');
      await play(userHome, async ({ backend }) => {
        expect(await backend.probe()).toMatchObject({ ok: true });
      });
    });

    verifies(
      'R-TIER-2',
      'an unknown host key is refused, whatever the configuration of ssh says',
      async () => {
        const lax = sshConfig(
          running().userKey,
          'StrictHostKeyChecking no',
          'NoHostAuthenticationForLocalhost yes',
        );
        const userHome = home('unknown', { config: lax });
        const before = running().logins();
        await play(userHome, (scene) =>
          refused(scene, {
            reason: 'engine.untrusted',
            retryable: false,
            message: expect.stringContaining('is not in known_hosts') as unknown,
            hint: expect.stringContaining(`ssh -p ${running().port} ${running().user}@127.0.0.1`) as unknown,
          }),
        );
        // Nobody logged in, and nothing was written down.
        expect(running().logins()).toBe(before);
        expect(existsSync(join(userHome, '.ssh', 'known_hosts'))).toBe(false);
      },
    );

    verifies('R-TIER-2', 'a host key that changed, or was revoked, is refused', async () => {
      const otherKey = join(root, 'other_host_key');
      makeKey(otherKey);
      const lax = sshConfig(running().userKey, 'StrictHostKeyChecking no');
      const before = running().logins();
      for (const [name, known] of [
        ['changed', knownHost(running().port, otherKey)],
        ['revoked', `@revoked ${running().knownHosts()}${running().knownHosts()}`],
      ] as const) {
        const userHome = home(name, { config: lax, known_hosts: known });
        await play(userHome, (scene) =>
          refused(scene, {
            reason: 'engine.untrusted',
            hint: expect.stringContaining(`ssh-keygen -R '[127.0.0.1]:${running().port}'`) as unknown,
          }),
        );
        expect(readFileSync(join(userHome, '.ssh', 'known_hosts'), 'utf8')).toBe(known);
      }
      expect(running().logins()).toBe(before);
    });

    verifies('R-TIER-2', 'whoever is not let in, or finds nobody there, is told so', async () => {
      const strangerKey = join(root, 'stranger_key');
      makeKey(strangerKey);
      const known = { known_hosts: running().knownHosts() };
      await play(home('stranger', { config: sshConfig(strangerKey), ...known }), (scene) =>
        refused(scene, {
          reason: 'engine.unavailable',
          message: expect.stringContaining('does not let this user in') as unknown,
        }),
      );
      const port = await freePort();
      await play(
        home('nobody', { config: sshConfig(strangerKey), ...known }),
        (scene) =>
          refused(scene, {
            reason: 'engine.unavailable',
            message: expect.stringContaining('no ssh server answers') as unknown,
          }),
        port,
      );
    });

    verifies(
      'R-TIER-2',
      'a question that meets a connection which is just dying is asked once more on another; a change is not',
      async () => {
        const own = await SshServer.start(join(root, 'dying'));
        try {
          const userHome = home('dying', { config: sshConfig(own.userKey), known_hosts: own.knownHosts() });
          await play(
            userHome,
            async ({ backend }) => {
              const { images } = backend.engine ?? {};
              if (images === undefined) throw new Error('it has no images');
              await images.import(pieces(busyboxRoot()), { reference: 'asked:1' });
              const logins = own.logins();
              expect(await onDyingConnections(own, () => images.inspect('asked:1'))).toMatchObject({
                references: expect.arrayContaining([expect.stringContaining('asked:1')]) as unknown,
              });
              expect(own.logins()).toBeGreaterThan(logins);
              await expect(
                onDyingConnections(own, () => images.tag('asked:1', 'asked:2')),
              ).rejects.toMatchObject({
                reason: 'engine.unavailable',
                message: expect.stringContaining('went away') as unknown,
              });
              await expect(images.inspect('asked:2')).rejects.toMatchObject({ reason: 'image.not-found' });
            },
            own.port,
          );
        } finally {
          await own.close();
        }
      },
    );

    verifies('R-TIER-2', 'a server that goes away in the middle is engine.unavailable', async () => {
      const own = await SshServer.start(join(root, 'mortal'));
      try {
        const userHome = home('mortal', { config: sshConfig(own.userKey), known_hosts: own.knownHosts() });
        await play(
          userHome,
          async ({ backend }) => {
            expect(await backend.probe()).toMatchObject({ ok: true });
            await own.close();
            await expect(backend.define(sandboxSpecForTest())).rejects.toMatchObject({
              reason: 'engine.unavailable',
            });
          },
          own.port,
        );
      } finally {
        await own.close();
      }
    });
  });
});
