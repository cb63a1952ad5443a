import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { findShelld } from '@sovereign/guest';
import { SovereignError, type Sandbox } from '@sovereign/sdk';
import {
  eventually,
  hostProcessesNamed,
  readHostProcess,
  tierTest,
  uniqueSleep,
  verifies,
  within,
} from '@sovereign/testkit';
import { expect, test } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { FaultScene } from './support.ts';

/** What a daemon does at the door, and which reasons say so. */
const atTheDoor: Readonly<Record<string, readonly string[]>> = {
  exits: ['launcher.failed', 'tier.unhealthy'],
  closes: ['tier.unhealthy'],
  garbage: ['tier.unhealthy'],
  zeros: ['tier.unhealthy'],
  text: ['tier.unhealthy'],
  oversized: ['tier.unhealthy'],
  'wrong-side': ['tier.unhealthy'],
  half: ['tier.unhealthy'],
  generation: ['tier.unhealthy'],
  'layers-forever': ['tier.unhealthy'],
  escapes: ['tier.weakened'],
  'no-layers': ['tier.weakened'],
  'wrong-pong': ['tier.unhealthy'],
  'no-pong': ['tier.unhealthy'],
  silent: ['tier.unhealthy'],
};

/** What it does once it has been let in, in the middle of a command. */
const inTheMiddle: Readonly<Record<string, string>> = {
  'exec-garbage': 'channel.protocol',
  'exec-wrong-channel': 'channel.protocol',
  'exec-oversized': 'channel.protocol',
  'exec-hangs-up': 'channel.closed',
  'exec-dies': 'channel.closed',
};

for (const { tier, absence } of await probeTiers(['process', 'quilt'])) {
  tierTest(tier.name, absence, () => hostile(tier.name as 'process' | 'quilt'));
}

function hostile(tier: 'process' | 'quilt'): void {
  /** A scene with a sound sandbox in it, and a client whose daemon is the hostile one. */
  const play = async (
    mode: string,
    act: (make: () => Promise<Sandbox>, sound: Sandbox, scene: FaultScene) => Promise<void>,
  ): Promise<void> => {
    await FaultScene.play(async (scene) => {
      const sound = await scene.create({ tier, workspace: scene.workspace });
      const source = await readFile(fileURLToPath(new URL('hostile-shelld.py', import.meta.url)), 'utf8');
      const path = await scene.script(
        'shelld',
        source.replace('@REAL@', findShelld()).replace('@MODE@', mode),
      );
      const client = await scene.client({
        ...process.env,
        SOVEREIGN_SHELLD: path,
        SOVEREIGN_PYTHON: scene.path(),
      });
      // What quilt's own probe would find out first is not what is tried here.
      await scene.trustProbe(path);
      await act(() => client.create({ tier, workspace: scene.workspace }), sound, scene);
      expect((await sound.exec({ command: 'echo', args: ['sound'] })).stdoutText).toBe('sound\n');
      await sound.remove();
      expect((await client.list()).sandboxes).toEqual([]);
      expect(await scene.leftInState()).toEqual([]);
    });
  };

  for (const [mode, reasons] of Object.entries(atTheDoor)) {
    verifies(
      'R-TIER-9',
      `${tier}: a daemon that answers hello with ${mode} is never handed out, and nothing of it stays`,
      async (context) => {
        if (!existsSync('/usr/bin/python3'))
          context.skip('needs python: the hostile daemon is written in it');
        await play(mode, async (make) => {
          const failure = await within(
            'the refusal',
            make().then(
              () => undefined,
              (error: unknown) => error as SovereignError,
            ),
            25_000,
          );
          expect(failure).toBeInstanceOf(SovereignError);
          expect(reasons).toContain(failure?.reason);
          expect(`${String(failure?.message)} ${String(failure?.hint)}`).not.toMatch(/[\u0000-\u001f\u007f]/);
        });
      },
    );
  }

  for (const [mode, reason] of Object.entries(inTheMiddle)) {
    verifies(
      'R-TIER-9',
      `${tier}: a daemon that plays ${mode} ends its own call with ${reason}, and harms nobody else`,
      async (context) => {
        if (!existsSync('/usr/bin/python3'))
          context.skip('needs python: the hostile daemon is written in it');
        await play(mode, async (make) => {
          const sandbox = await make();
          const before = process.memoryUsage().rss;
          await expect(within('the call', sandbox.exec({ command: 'true' }))).rejects.toMatchObject({
            reason,
          });
          expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1_048_576);
          await sandbox.remove();
        });
      },
    );
  }

  verifies(
    'R-TIER-9',
    `${tier}: a daemon that sends more than it was granted ends its channel, before it costs memory`,
    async (context) => {
      if (!existsSync('/usr/bin/python3')) context.skip('needs python: the hostile daemon is written in it');
      await play('exec-beyond-credit', async (make) => {
        const sandbox = await make();
        const before = process.memoryUsage().rss;
        const unread = await sandbox.spawn({ command: 'true' });
        await expect(within('the end', unread.exit)).rejects.toMatchObject({ reason: 'channel.protocol' });
        expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1_048_576);
        await sandbox.remove();
      });
    },
  );

  verifies(
    'R-TIER-9',
    `${tier}: lies that are well-formed are shown as what they are and break nothing`,
    async (context) => {
      if (!existsSync('/usr/bin/python3')) context.skip('needs python: the hostile daemon is written in it');
      await play('exec-lies', async (make) => {
        const sandbox = await make();
        const outcome = await sandbox.exec({ command: 'true' }).catch((error: unknown) => error);
        if (outcome instanceof SovereignError) expect(outcome.reason).toBe('channel.protocol');
        else expect((outcome as { stdout: Uint8Array }).stdout.length).toBe(0);
        await sandbox.remove();
      });
    },
  );

  verifies(
    ['R-TIER-9', 'R-EXEC-5'],
    `${tier}: shelld killed in the middle fails what is in flight by type; status says so, remove works`,
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        const sandbox = await client.create({ tier, workspace: scene.workspace });
        const marker = uniqueSleep();
        const calls = [
          sandbox.exec({ command: 'sleep', args: [marker] }),
          sandbox.exec({ command: 'sh', args: ['-c', `setsid sleep ${marker}`] }),
          sandbox.spawn({ command: 'sleep', args: [marker] }).then((started) => started.exit),
        ];
        const outcomes = Promise.allSettled(calls);
        await eventually('all run', async () => (await hostProcessesNamed(`sleep ${marker}`)).length >= 3);
        process.kill(await initOf(marker), 'SIGKILL');
        for (const outcome of await within('the calls', outcomes)) {
          expect(outcome).toMatchObject({ status: 'rejected', reason: { reason: 'channel.closed' } });
        }
        await eventually('it is stopped', async () => (await sandbox.status()) === 'stopped');
        await expect(sandbox.exec({ command: 'true' })).rejects.toMatchObject({
          reason: 'sandbox.not-running',
        });
        expect((await client.list()).sandboxes).toMatchObject([{ id: sandbox.id, state: 'stopped' }]);
        expect(await hostProcessesNamed(marker)).toEqual([]);
        if (tier === 'quilt') {
          await sandbox.start();
          expect((await sandbox.exec({ command: 'echo', args: ['back'] })).stdoutText).toBe('back\n');
        }
        await sandbox.remove();
        expect((await client.list()).sandboxes).toEqual([]);
        expect(await scene.leftInState()).toEqual([]);
      });
    },
  );
}

for (const { absence } of await probeTiers(['quilt'])) {
  tierTest('quilt', absence, () => {
    test('a write whose source stands still fails when the guest dies', async () => {
      await FaultScene.play(async (scene) => {
        const sandbox = await scene.create({ tier: 'quilt' });
        let give: () => void = () => undefined;
        const source = async function* (): AsyncGenerator<Uint8Array> {
          yield Buffer.from('first');
          await new Promise<void>((resolve) => (give = resolve));
        };
        const write = sandbox.files.write('/tmp/file', source());
        write.catch(() => undefined);
        const marker = uniqueSleep();
        sandbox.exec({ command: 'sleep', args: [marker] }).catch(() => undefined);
        await eventually('it runs', async () => (await hostProcessesNamed(`sleep ${marker}`)).length > 0);
        process.kill(await initOf(marker), 'SIGKILL');
        try {
          await expect(within('the write', write, 2_000)).rejects.toMatchObject({ reason: 'channel.closed' });
        } finally {
          give();
        }
      });
    });
  });
}

/** The first process of the namespace in which a marked process runs. */
async function initOf(marker: string): Promise<number> {
  const [sleeper] = await hostProcessesNamed(`sleep ${marker}`);
  if (sleeper === undefined) throw new Error('nobody sleeps');
  let init = sleeper.pid;
  for (let at = sleeper.pid; await isNested(at); at = (await readHostProcess(at))?.parent ?? 0) init = at;
  return init;
}

async function isNested(pid: number): Promise<boolean> {
  return /^NSpid:\t\d+\t\d+/m.test(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''));
}
