import type { ArgumentSpec, CommandSpec } from '../syntax/command-spec.ts';
import { commonOptions } from '../syntax/common-options.ts';

const step: ArgumentSpec = { name: 'STEP', about: 'ids of steps, as step ls shows them', completes: 'step' };

/** What was applied to workspaces on the host, and how it is taken back. */
export const stepCommands: readonly CommandSpec[] = [
  {
    name: 'undo',
    about: 'Put back what an apply replaced in the directory on the host',
    description:
      'The latest one of a sandbox, which may be gone; without one, of the workspace that you are in. Called again it undoes\nthe one before. Steps that are named are undone newest first. The sandbox keeps what it has, to be applied again.\nNothing is done when a path was changed after it was applied. Shows what was done: A was put back, C changed back,\nD deleted.',
    arguments: [
      {
        name: 'SANDBOX',
        about: 'id or name of the sandbox, or of a step',
        isOptional: true,
        completes: 'applied',
      },
      { ...step, isOptional: true, isRepeatable: true },
    ],
    options: [
      { name: 'dry-run', short: 'n', about: 'Only show what would be done, and what was changed since' },
      { name: 'force', short: 'f', about: 'Give up what was changed since' },
      ...commonOptions,
    ],
    examples: ['sovereign undo', 'sovereign undo --dry-run dev', 'sovereign undo stp_4x0k2m9q7c1d'],
    load: () => import('../commands/undo.ts'),
  },
  {
    name: 'step ls',
    about: 'List what was applied and can be undone, newest first',
    arguments: [
      { name: 'SANDBOX', about: 'id or name of the sandbox', isOptional: true, completes: 'applied' },
    ],
    options: [{ name: 'quiet', short: 'q', about: 'Ids only' }, ...commonOptions],
    examples: ['sovereign step ls', 'sovereign step ls dev'],
    load: () => import('../commands/step-ls.ts'),
  },
  {
    name: 'step rm',
    about: 'Forget steps, and what they replaced: they cannot be undone any more',
    arguments: [{ ...step, isRepeatable: true }],
    options: commonOptions,
    examples: ['sovereign step rm stp_4x0k2m9q7c1d'],
    load: () => import('../commands/step-rm.ts'),
  },
];
