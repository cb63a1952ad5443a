import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepId } from '@sovereign/core';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { applied, look, reviewing, type ReviewScene } from './review-scene.ts';
import { killed, settle, victimOfSuite } from './victims.ts';

/** What is to be seen of a step from outside. */
interface Seen {
  readonly step: string | undefined;
  /** Whether one is being made, or deleted. */
  readonly partial: boolean;
  readonly isUnderWay: boolean;
  /** It was whole when it was looked at before. */
  readonly wasApplied: boolean;
  /** Whether a file has what the sandbox wrote. */
  readonly isNew: (name: string) => boolean;
}

type Moment = readonly [string, (seen: Seen) => boolean, readonly (string | undefined)[]];

/** When it is killed, and what is left of the step then. */
const moments: readonly Moment[] = [
  ['what is replaced is being recorded', (seen) => seen.partial && seen.step === undefined, [undefined]],
  ['a first file is applied', (seen) => seen.isUnderWay && seen.isNew('many/0'), ['interrupted']],
  ['most files are applied', (seen) => seen.isUnderWay && seen.isNew('many/350'), ['interrupted', 'applied']],
  ['it is applied', (seen) => seen.step !== undefined && !seen.isUnderWay, ['applied', 'interrupted']],
  ['its undo begins', (seen) => seen.wasApplied && seen.isUnderWay, ['interrupted']],
  ['a first file is put back', (seen) => seen.wasApplied && !seen.isNew('many/0'), ['interrupted']],
  [
    'most files are put back',
    (seen) => seen.wasApplied && !seen.isNew('many/350'),
    ['interrupted', undefined],
  ],
  ['it is undone', (seen) => seen.wasApplied && seen.step === undefined, [undefined]],
];

const [enoughUndos, enoughRounds, mostRounds] = [3, 30, 1_000];
/** Whether a kill comes at the moment or just after it is the scheduler's to say. */
const mostKills = 30;

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, faults);

function faults(): void {
  const victim = victimOfSuite();

  verifies('R-NEW-8', 'links that are planted after an apply lead no undo out of the workspace', async () => {
    await reviewing(async (play) => {
      const { scene, guest, review, at } = play;
      const outside = join(scene.root, 'outside');
      await mkdir(outside);
      await chmod(outside, 0o777);
      for (const name of ['file', 'leaf']) {
        await writeFile(join(outside, name), 'theirs');
        await chmod(join(outside, name), 0o666);
      }
      const theirs = look(outside);
      await scene.sh(guest, 'cd /workspace && echo new > kept && echo new > tree/leaf && rm gone');
      const step = await applied(review, guest.id);
      // One whose writes are not reviewed plants them where the host looks.
      const planter = await scene.create({ workspace: { hostPath: scene.workspace } });
      const plant = `cd /workspace && rm -rf tree kept && ln -s ${outside} tree && ln -s ${outside}/file kept && ln -s ${outside} gone`;
      expect(await scene.sh(planter, plant)).toMatchObject({ code: 0 });
      for (const isForced of [false, true])
        await expect(review.undo(step, { isForced })).rejects.toMatchObject({ reason: 'step.changed' });
      expect(look(outside)).toEqual(theirs);
      await rm(at('tree'));
      await mkdir(at('tree'));
      await review.undo(step, { isForced: true });
      for (const name of ['kept', 'gone', 'tree/leaf'])
        expect(readFileSync(at(name), 'utf8')).toBe(`${name}\n`);
      expect(look(outside)).toEqual(theirs);
      await swapWhileUndoing(play, outside);
      expect(look(outside)).toEqual(theirs);
    });
  });

  verifies(
    'R-NEW-8',
    'two undos at once: one of them does it, and others of the workspace wait',
    async () => {
      await reviewing(async ({ scene, guest, review }) => {
        const before = look(scene.workspace);
        await scene.sh(guest, 'cd /workspace && echo new > kept && rm gone && rm -r tree');
        const steps: StepId[] = [];
        for (const path of ['kept', 'gone', 'tree']) steps.push(await applied(review, guest.id, path));
        const [once = '' as StepId] = steps;
        const ends = await Promise.allSettled([once, ...steps].map((step) => review.undo(step)));
        const refusals = ends
          .filter((end) => end.status === 'rejected')
          .map(({ reason }) => reason as unknown);
        expect(refusals).toMatchObject([{ reason: 'step.not-found' }]);
        expect(look(scene.workspace)).toEqual(before);
      });
    },
  );

  verifies(
    'R-NEW-8',
    'apply and undo killed at each of their steps: the undo goes on from there, and nothing else is left',
    { timeoutMs: 240_000 },
    async () => {
      await reviewing((play) => killEverywhere(play, victim()));
    },
  );
}

/** After each kill what is interrupted is undone, and all is as before. */
async function killEverywhere({ scene, guest, review, at }: ReviewScene, victim: string): Promise<void> {
  await mkdir(at('many'));
  for (let index = 0; index < 400; index++) await writeFile(at(`many/${index}`), 'old\n'.repeat(500));
  const before = look(scene.workspace);
  const script =
    'cd /workspace && for f in many/*; do echo new > $f; done; rm -r tree gone; mkdir gone; echo x > gone/x';
  expect(await scene.sh(guest, script)).toMatchObject({ code: 0 });
  for (const [moment, isNow, states] of moments) {
    let found: string | undefined;
    for (let kills = 0; kills === 0 || !states.includes(found); kills++) {
      expect(kills, moment).toBeLessThan(mostKills);
      await killed(scene, victim, ['undo', guest.id], watching(scene, at, isNow));
      const steps = await review.steps();
      found = steps[0]?.state;
      for (const { id } of steps) await review.undo(id);
      expect(look(scene.workspace), moment).toEqual(before);
      await settle(scene);
      for (const leftover of await scene.leftovers()) await scene.engine.sweep(leftover);
      expect(readdirSync(scene.state('steps')), moment).toEqual([]);
      expect((await scene.sh(guest, 'echo sound')).out).toBe('sound\n');
    }
  }
}

/** Looks at the state directory and the workspace each time it is asked whether the moment has come. */
function watching(
  scene: ReviewScene['scene'],
  at: ReviewScene['at'],
  isNow: (seen: Seen) => boolean,
): () => boolean {
  let applied: string | undefined;
  return () => {
    const names = readdirSync(scene.state('steps'));
    const step = names.find((name) => name.startsWith('stp_'));
    const isUnderWay = step !== undefined && existsSync(scene.state('steps', step, 'worker.json'));
    if (step !== undefined && !isUnderWay) applied = step;
    return isNow({
      step,
      partial: names.some((name) => name.startsWith('_stp_')),
      isUnderWay,
      wasApplied: applied !== undefined && (step === undefined || step === applied),
      isNew: (name) => (lstatSync(at(name), { throwIfNoEntry: false })?.size ?? 0) === 4,
    });
  };
}

/** Undoes again and again while a directory on the way to what is put back is now a link that leads out. */
async function swapWhileUndoing({ scene, guest, review }: ReviewScene, outside: string): Promise<void> {
  const swapper = await scene.create({ workspace: { hostPath: scene.workspace } });
  const swapping = scene.sh(
    swapper,
    `cd /workspace; until [ -e /tmp/enough ]; do for i in 1 2 3 4 5 6 7 8; do
      mv tree held; ln -s ${outside} tree; rm tree; mv held tree; done; done`,
  );
  let [undos, rounds] = [0, 0];
  // As long as it takes on this host for some to get through, and many not to.
  while (undos < enoughUndos || rounds < enoughRounds) {
    expect((rounds += 1)).toBeLessThan(mostRounds);
    await review.apply(guest.id, { paths: ['tree'] }).catch(expected);
    for (const { id } of await review.steps()) {
      await review.undo(id, { isForced: true }).then(() => undos++, expected);
      await review.removeStep(id).catch(expected);
    }
  }
  await scene.sh(swapper, 'touch /tmp/enough');
  expect(await swapping).toMatchObject({ code: 0 });
}

/** What may come of a directory that is not always there. */
function expected(error: unknown): void {
  expect((error as { readonly reason?: string }).reason).toMatch(/^(step|review|file)\./);
}
