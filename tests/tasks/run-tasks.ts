import { skipOrFail, verifies } from '@sovereign/testkit';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { buildTasks } from './build-tasks.ts';
import { pythonTasks } from './python-tasks.ts';
import { shellTasks } from './shell-tasks.ts';
import { openScene, type Task, type TaskSandbox } from './task.ts';

export const tasks: readonly Task[] = [...shellTasks, ...pythonTasks, ...buildTasks];

const needOf: Readonly<Record<string, 'python' | 'cc'>> = { python3: 'python', cc: 'cc' };

/** Every task in one sandbox, each in a directory of its own, against the one value that is right on every tier. */
export function runTasks(
  tier: string,
  open: () => Promise<TaskSandbox>,
  /** Tasks that are known to fail in the workspace of this tier, and pass beside it. One that passes there has to leave this list. */
  failInWorkspace: readonly string[] = [],
): void {
  describe(`tasks: ${tier}`, () => {
    let sandbox: TaskSandbox | undefined;
    beforeAll(async () => {
      sandbox = await open();
    });
    afterAll(async () => {
      await sandbox?.dispose();
    });
    for (const task of tasks) {
      verifies(
        ['R-TIER-11', 'R-EXEC-1'],
        `${task.id}: ${task.title}`,
        { timeoutMs: 90_000 },
        async (context) => {
          if (sandbox === undefined) throw new Error('the sandbox did not come up');
          const scene = await openScene(sandbox, task.id);
          for (const program of task.needs) {
            if (
              (await scene.sh('command -v "$1"', { args: ['-c', 'command -v "$1"', 'sh', program] })).code ===
              0
            )
              continue;
            const need = needOf[program];
            if (need === undefined) context.skip(`${tier} has no ${program}`);
            else skipOrFail(context, need, `${tier} has no ${program}`);
          }
          if (!failInWorkspace.includes(task.id)) {
            expect(await task.run(scene)).toEqual(task.expected);
            return;
          }
          expect(await task.run(scene)).not.toEqual(task.expected);
          const beside = await openScene({ ...sandbox, workspacePath: '/tmp' }, task.id);
          expect(await task.run(beside)).toEqual(task.expected);
        },
      );
    }
  });
}
