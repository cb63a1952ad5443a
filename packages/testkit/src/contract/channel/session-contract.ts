import { expect } from 'vitest';
import { verifies } from '../../requirements/verifies.ts';
import { uniqueSleep } from '../host-processes.ts';
import { collect, type ChannelSuite } from './channel-subject.ts';

/** R-EXEC-7: sessions are scopes of processes, with ids that follow from the order of calls. */
export function sessionContract(suite: ChannelSuite): void {
  const open = (): Promise<number> =>
    suite.channel.openSession({ cwd: suite.subject.workspacePath, env: suite.subject.env });

  verifies('R-EXEC-7', 'session ids are deterministic: 1, 2, 3 in every fresh guest', async () => {
    await suite.fresh(async (subject) => {
      const channel = await subject.connect();
      const ids: number[] = [];
      for (let index = 0; index < 3; index++)
        ids.push(await channel.openSession({ cwd: subject.workspacePath, env: [] }));
      expect(ids).toEqual([1, 2, 3]);
      await channel.close();
    });
  });

  verifies('R-EXEC-7', 'a process belongs to the session it was started in', async () => {
    const session = await open();
    const process = suite.start({ command: 'sleep', args: ['1000'], session });
    const { process: id } = await process.started;
    const info = (await suite.channel.processes()).find((each) => each.process === id);
    expect(info).toMatchObject({ session, isRunning: true, argv: ['sleep', '1000'] });
    const ran = collect(process);
    expect((await suite.channel.killSession(session)).killed).toBeGreaterThanOrEqual(1);
    expect((await ran).exit.cause).toBe('killed');
  });

  verifies(
    'R-EXEC-7',
    'killing a session ends all of it, and nothing of another session',
    async (context) => {
      suite.needs(context, 'kernel');
      const [mine, other] = [await open(), await open()];
      const [mineMark, otherMark] = [uniqueSleep(), uniqueSleep()];
      const script = (mark: string): string => `setsid sleep ${mark} & (sleep ${mark} &) ; sleep ${mark}`;
      const victims = [1, 2].map(() =>
        suite.start({ command: 'sh', args: ['-c', script(mineMark)], session: mine }),
      );
      const bystander = suite.start({ command: 'sh', args: ['-c', script(otherMark)], session: other });
      const ended = victims.map((victim) => collect(victim));
      const bystanderEnded = collect(bystander);
      await suite.untilLiving(mineMark, 6);
      await suite.untilLiving(otherMark, 3);
      await suite.channel.killSession(mine);
      for (const { exit } of await Promise.all(ended)) expect(exit.cause).toBe('killed');
      await suite.untilDead(mineMark);
      expect(await suite.living(otherMark)).toBeGreaterThanOrEqual(3);
      await suite.channel.killSession(other);
      await bystanderEnded;
      await suite.untilDead(otherMark);
    },
  );

  verifies('R-EXEC-7', 'a killed session is gone: session.not-found', async () => {
    const session = await open();
    await suite.channel.killSession(session);
    await expect(suite.channel.killSession(session)).rejects.toMatchObject({ reason: 'session.not-found' });
    const late = async (): Promise<unknown> => suite.run({ command: 'true', session });
    await expect(late()).rejects.toMatchObject({ reason: 'session.not-found' });
  });

  verifies('R-EXEC-7', 'what outlived its command dies with its session', async (context) => {
    suite.needs(context, 'kernel');
    const session = await open();
    const marker = uniqueSleep();
    const { exit } = await suite.sh(`setsid sleep ${marker} & exit 0`, { session });
    expect(exit.exitCode).toBe(0);
    await suite.untilLiving(marker, 1);
    await suite.channel.killSession(session);
    await suite.untilDead(marker);
  });
}
