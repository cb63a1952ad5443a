import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { createQuiltBackend } from '@sovereign/backends';
import type { StepId, UndoChange } from '@sovereign/core';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { applied, look, reviewing, stampsOf } from './review-scene.ts';
import { all, directoriesIn } from './scene.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, undoing);

function undoing(): void {
  verifies(
    'R-NEW-8',
    'undo puts back contents, modes, links, directories and what was absent, and forgets the step',
    async () => {
      await reviewing(async ({ scene, guest, review, at, listed }) => {
        await chmod(at('kept'), 0o4751);
        await symlink('../nowhere/at all', at('link'));
        await mkdir(at('empty'), { mode: 0o750 });
        await writeFile(at('odd \n name'), Buffer.from([0, 255, 10, 27]));
        const long = new Date('2001-02-03T04:05:06.789Z');
        const dated = ['kept', 'gone', 'tree/leaf', 'tree', 'empty'];
        for (const name of dated) await utimes(at(name), long, long);
        const before = look(scene.workspace);
        const script = `cd /workspace && echo more >> kept && chmod 700 kept && rm gone link && mkdir gone &&
        echo x > gone/x && echo file > link && rm -r tree && echo tree > tree && rmdir empty && ln -s kept empty &&
        rm odd* && mkdir -p new/deep && echo deep > new/deep/file`;
        expect(await scene.sh(guest, script)).toMatchObject({ code: 0 });
        const changed = await listed();
        const step = await applied(review, guest.id);
        expect(look(scene.workspace)).not.toEqual(before);
        const paths = [
          'empty',
          'gone',
          'gone/x',
          'kept',
          'link',
          'new',
          'new/deep',
          'new/deep/file',
          'odd \n name',
        ];
        expect(await review.steps()).toEqual([
          {
            id: step,
            sandbox: guest.id,
            sandboxName: guest.spec.name ?? null,
            workspace: scene.workspace,
            appliedMs: expect.any(Number),
            state: 'applied',
            // Those, `tree`, and `tree/leaf` that went with it.
            paths: paths.length + 2,
            bytes: expect.any(Number),
          },
        ]);
        const undone = await review.undo(step);
        expect(look(scene.workspace)).toEqual(before);
        for (const name of dated) expect(lstatSync(at(name)).mtimeMs, name).toBe(long.getTime());
        expect(named(undone)).toEqual([
          'M empty', 'M gone', 'R gone/x', 'M kept', 'M link', 'R new', 'R new/deep', 'R new/deep/file',
          'A odd \n name', 'M tree', 'A tree/leaf',
        ]); // prettier-ignore
        expect(await review.steps()).toEqual([]);
        expect(readdirSync(scene.state('steps'))).toEqual([]);
        await expect(review.undo(step)).rejects.toMatchObject({ reason: 'step.not-found' });
        // The sandbox has it all the same: it is applied again, and undone again.
        expect(await listed()).toEqual(changed);
        await review.undo(await applied(review, guest.id));
        expect(look(scene.workspace)).toEqual(before);
      });
    },
  );

  verifies(
    'R-NEW-8',
    'an undo names what was changed since and does nothing, unless it is forced; looking changes nothing',
    async () => {
      await reviewing(async ({ scene, guest, review, at }) => {
        const before = look(scene.workspace);
        await scene.sh(guest, 'cd /workspace && echo new > kept && rm gone && mkdir made && echo a > made/a');
        const step = await applied(review, guest.id);
        await writeFile(at('kept'), 'mine\n');
        await writeFile(at('made/mine'), 'mine\n');
        await writeFile(at('elsewhere'), 'mine\n');
        const now = look(scene.workspace);
        const plan = await all(review.undoPlan(step));
        expect(named(plan)).toEqual(['A gone', 'M kept', 'R made', 'R made/a', 'R made/mine']);
        expect(plan.filter(({ isChanged }) => isChanged).map(({ path }) => path).sort()).toEqual([
          'kept',
          'made/mine',
        ]); // prettier-ignore
        const refusal: unknown = await review.undo(step).catch((error: unknown) => error);
        expect(refusal).toMatchObject({
          reason: 'step.changed',
          message: expect.stringMatching(/kept.*made\/mine|made\/mine.*kept/),
          hint: expect.stringContaining('--force'),
          context: { step, changed: 2 },
        });
        expect(look(scene.workspace)).toEqual(now);
        expect(await review.steps()).toMatchObject([{ id: step, state: 'applied' }]);
        await review.undo(step, { isForced: true });
        const { elsewhere, ...rest } = look(scene.workspace);
        expect(elsewhere).toContain('mine');
        expect(rest).toEqual(before);
      });
    },
  );

  verifies('R-NEW-8', 'several steps are undone in order; one below another is refused', async () => {
    await reviewing(async ({ scene, guest, review, at }) => {
      const states = [look(scene.workspace)];
      const steps: StepId[] = [];
      for (const word of ['one', 'two', 'three']) {
        await scene.sh(
          guest,
          `cd /workspace && echo ${word} > kept && mkdir -p made && echo ${word} > made/${word}`,
        );
        steps.push(await applied(review, guest.id));
        states.push(look(scene.workspace));
      }
      expect((await review.steps()).map(({ id }) => id)).toEqual(steps.toReversed());
      const [first = '' as StepId] = steps;
      await expect(review.undo(first)).rejects.toMatchObject({ reason: 'step.changed' });
      expect(look(scene.workspace)).toEqual(states[3]);
      for (const [index, step] of [...steps.entries()].toReversed()) {
        await review.undo(step);
        expect(look(scene.workspace), step).toEqual(states[index]);
      }
      expect(readFileSync(at('kept'), 'utf8')).toBe('kept\n');
    });
  });

  verifies('R-NEW-8', 'a step outlives its sandbox, and the process that made it', async () => {
    await reviewing(async ({ scene, guest, review }) => {
      const before = look(scene.workspace);
      await scene.sh(guest, 'cd /workspace && echo new > kept && rm -r tree');
      const step = await applied(review, guest.id);
      await guest.remove();
      const other = createQuiltBackend(directoriesIn(scene.root));
      try {
        expect(await other.engine?.review?.steps()).toMatchObject([{ id: step, sandbox: guest.id }]);
        await other.engine?.review?.undo(step);
      } finally {
        await other.close();
      }
      expect(look(scene.workspace)).toEqual(before);
      expect(await review.steps()).toEqual([]);
    });
  });

  verifies('R-NEW-8', 'what an apply that was refused half way had done is undone by its step', async () => {
    await reviewing(async ({ scene, guest, review, at }) => {
      const before = look(scene.workspace);
      await scene.sh(guest, 'cd /workspace && echo new > kept && rm gone && echo good > zzz');
      const stamps = stampsOf(await all(review.changes(guest.id)));
      await scene.sh(guest, 'cd /workspace && echo evil > zzz && touch -d @1 zzz');
      const refusal: unknown = await review
        .apply(guest.id, { paths: ['.'], stamps })
        .catch((error: unknown) => error);
      const { step } = (refusal as { readonly context: { readonly step: StepId } }).context;
      expect(refusal).toMatchObject({ reason: 'review.changed', hint: expect.stringContaining(step) });
      expect(readFileSync(at('kept'), 'utf8')).toBe('new\n');
      expect(await review.steps()).toMatchObject([{ id: step, state: 'interrupted' }]);
      await review.undo(step);
      expect(look(scene.workspace)).toEqual(before);
    });
  });

  verifies('R-NEW-8', 'what cannot be kept is not applied; the oldest steps make room', async () => {
    const steps = { maxStepBytes: 1_000, maxSteps: 2 };
    await reviewing(
      async ({ scene, guest, review, at }) => {
        await writeFile(at('large'), 'x'.repeat(2_000));
        await scene.sh(guest, 'cd /workspace && echo new > large');
        await expect(review.apply(guest.id, { paths: ['.'] })).rejects.toMatchObject({
          reason: 'step.not-recorded',
          hint: expect.stringContaining('--no-undo'),
        });
        expect(lstatSync(at('large')).size).toBe(2_000);
        expect(readdirSync(scene.state('steps'))).toEqual([]);
        expect(await review.apply(guest.id, { paths: ['.'], isUndoable: false })).toMatchObject({
          step: null,
        });
        expect(readFileSync(at('large'), 'utf8')).toBe('new\n');
        const made: StepId[] = [];
        for (const name of ['a', 'b', 'c']) {
          await scene.sh(guest, `echo ${name} > /workspace/${name}`);
          made.push(await applied(review, guest.id, name));
        }
        expect((await review.steps()).map(({ id }) => id)).toEqual(made.slice(1).toReversed());
      },
      { steps },
    );
  });

  verifies('R-NEW-8', 'steps that are old or cannot be read are leftovers, and swept', async () => {
    await reviewing(async ({ scene, guest, review }) => {
      await scene.sh(guest, 'cd /workspace && echo new > kept && rm gone && rm -r tree');
      const [kept, old, broken] = [
        await applied(review, guest.id, 'kept'),
        await applied(review, guest.id, 'gone'),
        await applied(review, guest.id, 'tree'),
      ];
      const stepFile = (id: StepId): string => scene.state('steps', id, 'step.json');
      const text = JSON.parse(readFileSync(stepFile(old), 'utf8')) as Record<string, unknown>;
      await writeFile(stepFile(old), JSON.stringify({ ...text, appliedMs: Date.now() - 31 * 86_400_000 }));
      await writeFile(stepFile(broken), '{');
      const found = await scene.leftovers();
      expect(found.map(({ kind, id, why }) => [kind, id, why]).sort()).toEqual(
        [
          ['step', old, 'it was applied more than 30 days ago'],
          ['step', broken, 'what is recorded of it cannot be read'],
        ].sort(),
      );
      expect(await scene.leftovers()).toEqual(found);
      expect(existsSync(stepFile(old))).toBe(true);
      for (const leftover of found) await scene.engine.sweep(leftover);
      expect(readdirSync(scene.state('steps'))).toEqual([kept]);
      await review.undo(kept);
    });
  });
}

/** `A path`, `M path` or `R path` of each, by path. */
function named(changes: readonly UndoChange[]): readonly string[] {
  const marks = { added: 'A', modified: 'M', removed: 'R' } as const;
  return changes
    .toSorted((left, right) => (left.path < right.path ? -1 : 1))
    .map(({ kind, path }) => `${marks[kind]} ${path}`);
}
