import { tierTest, verifies, within } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { FaultScene, type Client } from './support.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, quilt);
for (const { tier, absence } of await probeTiers(['process', 'quilt'])) {
  tierTest(tier.name, absence, () => both(tier.name as 'process' | 'quilt'));
}

const rounds = 30;

function both(tier: 'process' | 'quilt'): void {
  verifies(
    'R-TIER-9',
    `${tier}: a client that is killed at any moment of create and remove leaves nothing that the next cannot clear`,
    { timeoutMs: 240_000 },
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        await (await client.create({ tier, workspace: scene.workspace })).remove();
        for (let round = 0; round < rounds; round++) {
          const churner = await scene.child('churn', {
            tier,
            workspace: scene.workspace,
            ...(tier === 'quilt' && { name: `churn-${round % 3}` }),
          });
          await churner.heard('ready');
          churner.go();
          // The moment is the point: not waited for, but spread over what a create and a remove take.
          await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * 90));
          await churner.kill();
          const next = await scene.client();
          const { sandboxes, problems } = await next.list();
          expect(problems).toEqual([]);
          for (const { id, state } of sandboxes) {
            expect(['created', 'running', 'stopped']).toContain(state);
            await next.remove(id);
          }
          expect((await next.list()).sandboxes).toEqual([]);
          await next.close();
        }
        await scene.expectSwept();
        const last = await client.create({ tier, workspace: scene.workspace });
        expect((await last.exec({ command: 'echo', args: ['on'] })).stdoutText).toBe('on\n');
        // A guest whose client died before it connected ends by itself: on the process tier 20 s after it came up.
      }, 30_000);
    },
  );

  verifies(
    'R-TIER-9',
    `${tier}: a hundred at once come up, answer, and leave nothing`,
    { timeoutMs: 180_000 },
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        const count = 100;
        const made = await Promise.allSettled(
          Array.from({ length: count }, () => client.create({ tier, workspace: scene.workspace })),
        );
        const sandboxes = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
        expect(made.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))).toEqual([]);
        expect((await client.list()).sandboxes).toHaveLength(count);
        const answers = await Promise.all(
          sandboxes.map((sandbox, index) => sandbox.exec({ command: 'echo', args: [String(index)] })),
        );
        expect(answers.map(({ stdoutText }) => stdoutText)).toEqual(
          sandboxes.map((_, index) => `${index}\n`),
        );
        await Promise.all(sandboxes.map((sandbox) => sandbox.remove()));
        expect((await client.list()).sandboxes).toEqual([]);
        expect(await scene.leftInState()).toEqual([]);
      });
    },
  );

  verifies(
    'R-TIER-9',
    `${tier}: removing twice at once, and while commands run, ends both ways`,
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        for (let round = 0; round < 5; round++) {
          const sandbox = await client.create({ tier, workspace: scene.workspace });
          const calls = Array.from({ length: 5 }, () =>
            sandbox.exec({ command: 'sleep', args: ['60'] }).catch((error: unknown) => error),
          );
          await within('the removals', Promise.all([sandbox.remove(), sandbox.remove()]));
          for (const outcome of await within('the calls', Promise.all(calls))) {
            expect(outcome).toMatchObject({
              reason: expect.stringMatching(/^(channel\.closed|sandbox\.not-running)$/),
            });
          }
        }
        expect(await scene.leftInState()).toEqual([]);
      });
    },
  );
}

function quilt(): void {
  const together = async (clients: readonly Client[]): Promise<void> => {
    for (const client of clients) await client.heard('ready');
    for (const client of clients) client.go();
  };

  verifies(
    'R-TIER-9',
    'of several processes that create one name at once exactly one wins, also where a crash left the name',
    { timeoutMs: 120_000 },
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        await (await client.create({ tier: 'quilt', name: 'made' })).remove();
        const { mkdir, writeFile } = await import('node:fs/promises');
        for (let round = 0; round < 6; round++) {
          const name = `name-${round}`;
          await mkdir(`${scene.home}/state/quilt/names`, { recursive: true });
          if (round % 2 === 1) await writeFile(`${scene.home}/state/quilt/names/${name}`, 'sbx_000000000000');
          const racers = await Promise.all(
            [0, 1, 2].map(() => scene.child('create', { tier: 'quilt', name })),
          );
          await together(racers);
          const outcomes = await Promise.all(racers.map((racer) => racer.result()));
          expect(
            outcomes.map(({ event, reason }) => (event === 'done' ? 'done' : reason)).toSorted(),
          ).toEqual(['done', 'sandbox.exists', 'sandbox.exists']);
          const { sandboxes } = await client.list();
          expect(sandboxes.map(({ spec }) => spec.name)).toEqual([name]);
          await client.remove(name);
        }
        expect(await scene.leftInState()).toEqual([]);
      });
    },
  );

  verifies(
    'R-TIER-9',
    'two processes that remove one sandbox at once both end, and nothing is left',
    { timeoutMs: 120_000 },
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        for (let round = 0; round < 6; round++) {
          const { id } = await client.create({ tier: 'quilt', name: 'doomed' });
          await (
            await client.connect(id)
          ).exec({
            command: 'sh',
            args: ['-c', 'for i in $(seq 300); do mkdir -p /root/d$i/e; echo x > /root/d$i/e/f; done'],
          });
          const racers = await Promise.all([0, 1].map(() => scene.child('remove', { target: id })));
          await together(racers);
          for (const outcome of await Promise.all(racers.map((racer) => racer.result()))) {
            expect(
              outcome.event === 'done' || outcome['reason'] === 'sandbox.not-found',
              JSON.stringify(outcome),
            ).toBe(true);
          }
          expect((await client.list()).sandboxes).toEqual([]);
          expect(await scene.leftInState()).toEqual([]);
        }
      });
    },
  );

  verifies(
    'R-TIER-9',
    'a removal that meets a start waits for it: both end, nothing is half-launched or left',
    { timeoutMs: 120_000 },
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        for (let round = 0; round < 6; round++) {
          const { id } = await client.create({ tier: 'quilt', autoStart: false });
          const racers = await Promise.all([
            scene.child('start', { target: id }),
            scene.child('remove', { target: id }),
          ]);
          await together(racers);
          const [started, removed] = await Promise.all(racers.map((racer) => racer.result()));
          expect(removed).toMatchObject({ event: 'done' });
          // Refused, or up and then ended under its health check: never caught in the middle of a launch.
          const said = `${started?.event} ${String(started?.['reason'])}: ${String(started?.['message'])}`;
          expect(said).toMatch(
            /^(done |failed (sandbox\.not-found|sandbox\.not-running|tier\.unhealthy): |failed launcher\.failed: .*ended before it answered)/,
          );
          expect((await client.list()).sandboxes).toEqual([]);
          expect(await scene.leftInState()).toEqual([]);
        }
      });
    },
  );

  verifies(
    'R-TIER-9',
    'what is listed while others create and remove is whole',
    { timeoutMs: 60_000 },
    async () => {
      await FaultScene.play(async (scene) => {
        const churners = await Promise.all([0, 1].map(() => scene.child('churn', { tier: 'quilt' })));
        await together(churners);
        const client = await scene.client();
        for (let look = 0; look < 300; look++) {
          const { sandboxes, problems } = await client.list();
          expect(problems).toEqual([]);
          for (const { state, problem } of sandboxes) expect([state, problem]).not.toContain('broken');
          await new Promise(setImmediate);
        }
        await Promise.all(churners.map((churner) => churner.kill()));
      });
    },
  );
}
