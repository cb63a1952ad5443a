import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Guest, StepId, WorkspaceChange, WorkspaceReview } from '@sovereign/core';
import { all, QuiltScene, type SceneOptions } from './scene.ts';

/** A sandbox whose workspace is reviewed. */
export interface ReviewScene {
  readonly scene: QuiltScene;
  readonly guest: Guest;
  readonly review: WorkspaceReview;
  /** Path in the workspace on the host. */
  readonly at: (name: string) => string;
  /** `kind path` of every change. */
  readonly listed: () => Promise<readonly string[]>;
}

/** Plays with a workspace that holds `kept`, `gone` and `tree/leaf`, mounted to be reviewed. */
export async function reviewing(
  act: (review: ReviewScene) => Promise<void>,
  options: SceneOptions = {},
): Promise<void> {
  await QuiltScene.play(async (scene) => {
    const { review } = scene.engine;
    if (review === undefined) throw new Error('quilt reviews nothing');
    await chmod(scene.workspace, 0o755);
    const at = (name: string): string => join(scene.workspace, name);
    await mkdir(at('tree'));
    for (const name of ['kept', 'gone', 'tree/leaf']) await writeFile(at(name), `${name}\n`);
    const guest = await scene.create({ workspace: { hostPath: scene.workspace, isReviewed: true } });
    const listed = async (): Promise<readonly string[]> =>
      (await all(review.changes(guest.id))).map(({ kind, path }) => `${kind} ${path}`);
    await act({ scene, guest, review, at, listed });
  }, options);
}

/** What `apply` is given of what was looked at. */
export function stampsOf(changes: readonly WorkspaceChange[]): Readonly<Record<string, string>> {
  return Object.fromEntries(changes.map(({ path, stamp }) => [path, stamp]));
}

/** Applies what is at a path, or all. @returns what undoes it */
export async function applied(
  review: WorkspaceReview,
  sandbox: ReviewScene['guest']['id'],
  path = '.',
): Promise<StepId> {
  const { step } = await review.apply(sandbox, { paths: [path] });
  if (step === null) throw new Error('nothing was applied');
  return step;
}

/** Everything below a directory: mode, and contents or what a link leads to. */
export function look(root: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(root, below))) {
    const path = join(below, name);
    const info = lstatSync(join(root, path));
    const what = info.isSymbolicLink()
      ? readlinkSync(join(root, path))
      : info.isFile()
        ? readFileSync(join(root, path), 'latin1')
        : '';
    found[path] = `${info.mode.toString(8)} ${what}`;
    if (info.isDirectory()) Object.assign(found, look(root, path));
  }
  return found;
}
