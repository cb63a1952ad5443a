import type { ArgumentSpec, CommandSpec, OptionSpec } from '../syntax/command-spec.ts';
import { commonOptions, env, quiet } from '../syntax/common-options.ts';
import { imageConfigOptions } from './image-commands.ts';
import { lifetimeOptions } from './lifetime-options.ts';

const sandbox: ArgumentSpec = { name: 'ID', about: 'id or name of a sandbox', completes: 'sandbox' };
const grace: OptionSpec = {
  name: 'grace',
  value: 'TIME',
  default: '5s',
  about: 'How long processes may take to end before they are killed',
};
const scope: ArgumentSpec = { name: 'SCOPE', about: 'name of the task or session' };

/** What is done with sandboxes as containers, and with what is left of them. */
export const containerCommands: readonly CommandSpec[] = [
  {
    name: 'restart',
    about: 'End everything in a sandbox and start it again; its files stay',
    arguments: [{ ...sandbox, about: 'ids or names of sandboxes', isRepeatable: true }],
    options: [grace, ...commonOptions],
    examples: ['sovereign restart dev'],
    load: () => import('../commands/restart.ts'),
  },
  {
    name: 'commit',
    about: 'Make an image of a sandbox as it is now',
    description: 'One that runs is paused for that moment. Volumes and the workspace are no part of it.',
    arguments: [sandbox, { name: 'NAME', about: 'name of the image' }],
    options: [...imageConfigOptions, quiet, ...commonOptions],
    examples: ['sovereign commit dev dev-ready:1'],
    load: () => import('../commands/commit.ts'),
  },
  {
    name: 'fork',
    about: 'Copy a sandbox: a running microVM with its memory, a stopped or paused container by its files',
    description:
      'Copies of one that runs run on from that moment, each with an identity of its own. Of a container that is stopped or\npaused, environment, limits, labels and lifetime are taken over, and the copy is not started.',
    arguments: [sandbox],
    options: [
      { name: 'count', short: 'n', value: 'COUNT', default: '1', about: 'How many copies' },
      { name: 'name', value: 'NAME', default: 'none', about: 'Name to call it by' },
      env,
      ...lifetimeOptions,
      ...commonOptions,
    ],
    examples: ['sovereign fork dev --count 8', 'sovereign fork dev --name dev-2'],
    load: () => import('../commands/fork.ts'),
  },
  {
    name: 'diff',
    about: 'Show what a sandbox changed: against its image, or in a workspace that is reviewed',
    description: 'A was added, C changed, D deleted.',
    arguments: [sandbox],
    options: [
      { name: 'workspace', short: 'w', about: 'In its workspace, of a sandbox made with --review' },
      ...commonOptions,
    ],
    examples: ['sovereign diff dev', 'sovereign diff --workspace dev'],
    load: () => import('../commands/diff.ts'),
  },
  {
    name: 'apply',
    about: 'Put what a sandbox changed in a reviewed workspace into the directory on the host',
    description:
      'What would run later on the host (git hooks, editor tasks …) is refused unless it is granted. Shows what was applied.\nWhat it replaces is kept: sovereign undo puts it back.',
    arguments: [
      sandbox,
      {
        name: 'PATH',
        about: 'paths in the workspace, each with all below; . is all of it',
        isRepeatable: true,
      },
    ],
    options: [
      {
        name: 'grant',
        value: 'PATH',
        isRepeatable: true,
        default: 'none',
        about: 'Path that may run later on the host',
      },
      { name: 'no-undo', about: 'Do not keep what is replaced; for what is too large to be kept' },
      ...commonOptions,
    ],
    examples: ['sovereign apply dev src tests', 'sovereign apply dev .'],
    load: () => import('../commands/apply.ts'),
  },
  {
    name: 'top',
    about: 'Show what runs in a sandbox, as it goes on',
    description: 'Once, when the output is no terminal.',
    arguments: [sandbox],
    options: [
      { name: 'interval', value: 'TIME', default: '2s', about: 'How often to look' },
      { name: 'once', about: 'Look once' },
      ...commonOptions,
    ],
    examples: ['sovereign top dev', 'sovereign top dev --once'],
    load: () => import('../commands/top.ts'),
  },
  {
    name: 'gc',
    about: 'Find what nobody needs any more, and remove it',
    description:
      'Sandboxes whose own limits have passed, those of one command whose maker is gone, broken ones, roots of archives that\nno sandbox has, and what crashes left of images, mounts and networks. Names of items, as --dry-run shows them, take\nonly those.',
    arguments: [{ name: 'ITEM', about: 'items of the plan', isOptional: true, isRepeatable: true }],
    options: [{ name: 'dry-run', short: 'n', about: 'Only show what would be done' }, ...commonOptions],
    examples: ['sovereign gc --dry-run', 'sovereign gc'],
    load: () => import('../commands/gc.ts'),
  },
  {
    name: 'task ls',
    about: 'List tasks and sessions that have sandboxes',
    arguments: [],
    options: commonOptions,
    examples: ['sovereign task ls'],
    load: () => import('../commands/task/ls.ts'),
  },
  {
    name: 'task complete',
    about: 'End and remove the sandboxes of a task',
    arguments: [scope],
    options: [grace, ...commonOptions],
    examples: ['sovereign task complete build-42'],
    load: () => import('../commands/task/complete.ts'),
  },
  {
    name: 'session complete',
    about: 'End and remove the sandboxes of a session',
    arguments: [scope],
    options: [grace, ...commonOptions],
    examples: ['sovereign session complete chat-7'],
    load: () => import('../commands/task/complete-session.ts'),
  },
];
