import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import type { StepId } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { reviewing, type ReviewScene } from './review-scene.ts';

/** Files that an apply replaces: enough for somebody else to be at work meanwhile. */
const many = 1_500;
/** Whether an edit comes between the record and the apply is the scheduler's to say. */
const mostTries = 40;

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, conflicts);

function conflicts(): void {
  verifies(
    'R-NEW-8',
    'what the host writes between the record and the apply stays, and the apply says so',
    { timeoutMs: 120_000 },
    async () => {
      await reviewing(async (play) => {
        const { review, at, guest } = play;
        await mkdir(at('many'));
        for (let index = 0; index < many; index++) await writeFile(at(`many/${index}`), 'old\n');
        const last = `many/${many - 1}`;
        const found = { before: 0, midway: 0 };
        for (let tries = 0; found.before === 0 || found.midway === 0; tries++) {
          expect(tries, JSON.stringify(found)).toBeLessThan(mostTries);
          await play.scene.sh(guest, `cd /workspace && for f in many/*; do echo new ${tries} > $f; done`);
          const isTime = tries % 2 === 0 ? stepIsThere(play) : isApplied(play, 'many/0', tries);
          const { step, refusal } = await editing(play, last, isTime);
          expect(readFileSync(at(last), 'utf8'), `try ${tries}`).toBe('mine\n');
          if (refusal === undefined) {
            // It was over before the edit came.
            if (step !== null) await review.undo(step, { isForced: true });
            continue;
          }
          const isMidway = Number(refusal.context['applied']) > 0;
          found[isMidway ? 'midway' : 'before']++;
          expect(refusal).toMatchObject({
            reason: 'review.changed',
            message: expect.stringContaining(`somebody else has changed ${last} in the workspace`) as string,
            hint: expect.stringContaining('was left as it is') as string,
          });
          // What had been done by then is there to be undone, and gives no edit up unasked.
          const steps = await review.steps();
          expect(steps.map(({ state }) => state)).toEqual(isMidway ? ['interrupted'] : []);
          for (const { id } of steps) {
            await expect(review.undo(id)).rejects.toMatchObject({ reason: 'step.changed' });
            writeFileSync(at(last), 'old\n');
            await review.undo(id);
          }
          writeFileSync(at(last), 'old\n');
          for (let index = 0; index < many; index += 100)
            expect(readFileSync(at(`many/${index}`), 'utf8')).toBe('old\n');
        }
      });
    },
  );
}

interface End {
  readonly step: StepId | null;
  readonly refusal?: SovereignError;
}

/** Writes a file of the workspace, as editors do, at a moment of an apply. @returns how that ended */
async function editing(
  { review, guest, at }: ReviewScene,
  name: string,
  isTime: () => boolean,
): Promise<End> {
  const end = review.apply(guest.id, { paths: ['many'] }).then(
    ({ step }): End => ({ step }),
    (error: unknown): End => {
      if (error instanceof SovereignError) return { step: null, refusal: error };
      throw error;
    },
  );
  const isOver = end.then(() => true);
  const aMoment = (): Promise<boolean> => new Promise((resolve) => setImmediate(resolve, false));
  while (!isTime() && !(await Promise.race([isOver, aMoment()])));
  writeFileSync(at('.mine'), 'mine\n');
  renameSync(at('.mine'), at(name));
  return end;
}

function stepIsThere({ scene }: ReviewScene): () => boolean {
  return () => {
    try {
      return readdirSync(scene.state('steps')).some((name) => name.startsWith('stp_'));
    } catch {
      return false;
    }
  };
}

function isApplied({ at }: ReviewScene, name: string, tries: number): () => boolean {
  return () => readFileSync(at(name), 'utf8') === `new ${tries}\n`;
}
