import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { readLedger, type LedgerRecord } from '@sovereign/core';
import type { Sandbox, Sovereign } from '@sovereign/sdk';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { FaultScene } from '../faults/support.ts';
import { probeTiers } from '../support/tiers.ts';
import { look } from './review-scene.ts';
import { all } from './scene.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, steps);

interface StepScene {
  readonly client: Sovereign;
  readonly sandbox: Sandbox;
  readonly workspace: string;
  /** Changes files by a command inside and applies all of it. @returns the step */
  apply(script: string): Promise<string>;
}

/** A sandbox of the sdk whose workspace, which holds `kept` and `gone`, is reviewed. */
async function play(act: (scene: StepScene) => Promise<void>): Promise<void> {
  await FaultScene.play(async (scene) => {
    const workspace = scene.path('work');
    await mkdir(workspace);
    for (const name of ['kept', 'gone']) await writeFile(`${workspace}/${name}`, `${name}\n`);
    const client = await scene.client();
    const sandbox = await client.create({ tier: 'quilt', workspace: { path: workspace, isReviewed: true } });
    const apply = async (script: string): Promise<string> => {
      expect(await sandbox.commands.run(script)).toMatchObject({ exitCode: 0 });
      const { step } = await sandbox.apply({ paths: ['.'] });
      if (step === null) throw new Error('nothing was applied');
      return step;
    };
    await act({ client, sandbox, workspace, apply });
    await sandbox.remove();
  });
}

/** What the ledger has of actions of a kind. */
async function recorded(
  { client }: StepScene,
  action: 'sandbox.undo' | 'step.remove',
): Promise<readonly LedgerRecord[]> {
  return all(readLedger(client.paths.ledgerDir, { actions: [action] }));
}

function steps(): void {
  verifies(
    'R-NEW-8',
    'sandbox.steps: what was applied is listed, looked at, and undone one by one',
    async () => {
      await play(async (scene) => {
        const { sandbox, workspace, apply } = scene;
        expect(await sandbox.steps.list()).toEqual([]);
        await expect(sandbox.steps.undo()).rejects.toMatchObject({ reason: 'step.not-found' });
        const before = look(workspace);
        const first = await apply('echo one > kept && rm gone');
        const between = look(workspace);
        const second = await apply('mkdir made && echo two > made/file');
        const listed = await sandbox.steps.list();
        expect(listed).toMatchObject([
          { id: second, sandbox: sandbox.id, workspace, state: 'applied', paths: 2 },
          { id: first, sandbox: sandbox.id, workspace, state: 'applied', paths: 2 },
        ]);
        const now = look(workspace);
        expect(await all(sandbox.steps.plan())).toMatchObject([
          { kind: 'removed', path: 'made', isChanged: false },
          { kind: 'removed', path: 'made/file', isChanged: false },
        ]);
        expect(
          (await all(sandbox.steps.plan({ step: first }))).map(({ kind, path }) => [kind, path]),
        ).toEqual([
          ['added', 'gone'],
          ['modified', 'kept'],
        ]);
        expect(look(workspace)).toEqual(now);
        // The latest, unless one is named.
        expect((await sandbox.steps.undo()).map(({ path }) => path)).toEqual(['made', 'made/file']);
        expect(look(workspace)).toEqual(between);
        expect((await sandbox.steps.undo({ step: first })).map(({ path }) => path)).toEqual(['gone', 'kept']);
        expect(look(workspace)).toEqual(before);
        expect(await sandbox.steps.list()).toEqual([]);
        await expect(sandbox.steps.undo({ step: first })).rejects.toMatchObject({ reason: 'step.not-found' });
        // The sandbox keeps what it has.
        expect((await sandbox.commands.run('cat kept made/file')).stdoutText).toBe('one\ntwo\n');
        expect(await recorded(scene, 'sandbox.undo')).not.toEqual([]);
      });
    },
  );

  verifies(
    'R-NEW-8',
    'sandbox.steps: an edit on the host since is named and refuses the undo, unless it is forced',
    async () => {
      await play(async ({ sandbox, workspace, apply }) => {
        const before = look(workspace);
        const step = await apply('echo new > kept && rm gone && mkdir made && echo a > made/a');
        await writeFile(`${workspace}/kept`, 'mine\n');
        await writeFile(`${workspace}/made/mine`, 'mine\n');
        const now = look(workspace);
        const changed = (await all(sandbox.steps.plan())).filter(({ isChanged }) => isChanged);
        expect(changed.map(({ path }) => path).toSorted()).toEqual(['kept', 'made/mine']);
        const refusal: unknown = await sandbox.steps.undo().catch((error: unknown) => error);
        expect(refusal).toMatchObject({ reason: 'step.changed', context: { step, changed: 2 } });
        for (const path of ['kept', 'made/mine'])
          expect(refusal).toMatchObject({ message: expect.stringContaining(path) as unknown });
        expect(look(workspace)).toEqual(now);
        expect(await sandbox.steps.list()).toMatchObject([{ id: step, state: 'applied' }]);
        await sandbox.steps.undo({ step, isForced: true });
        expect(look(workspace)).toEqual(before);
      });
    },
  );

  verifies(
    'R-NEW-8',
    'sandbox.steps: one is forgotten, and the rest stays; those of others are none of its',
    async () => {
      await play(async (scene) => {
        const { client, sandbox, workspace, apply } = scene;
        const first = await apply('echo one > kept');
        const second = await apply('echo two > new');
        const other = await client.create({
          tier: 'quilt',
          workspace: { path: workspace, isReviewed: true },
        });
        expect(await other.steps.list()).toEqual([]);
        for (const refused of [other.steps.undo({ step: second }), other.steps.remove(second)])
          await expect(refused).rejects.toMatchObject({ reason: 'step.not-found' });
        await other.remove();
        await expect(sandbox.steps.undo({ step: 'nonsense' })).rejects.toMatchObject({
          reason: 'argument.invalid',
        });
        await sandbox.steps.remove(second);
        expect((await sandbox.steps.list()).map(({ id }) => id)).toEqual([first]);
        expect(readFileSync(`${workspace}/new`, 'utf8')).toBe('two\n');
        await expect(sandbox.steps.remove(second)).rejects.toMatchObject({ reason: 'step.not-found' });
        expect(await recorded(scene, 'step.remove')).not.toEqual([]);
        // The sandbox gone, the client has what is left.
        await sandbox.remove();
        expect(await client.steps.list({ within: workspace })).toMatchObject([
          { id: first, sandbox: sandbox.id },
        ]);
        await client.steps.undo(first);
        expect(readFileSync(`${workspace}/kept`, 'utf8')).toBe('kept\n');
      });
    },
  );
}
