import type { ArgumentSpec, CommandSpec } from '../syntax/command-spec.ts';
import { commonOptions, quiet } from '../syntax/common-options.ts';

const sandbox: ArgumentSpec = { name: 'ID', about: 'id or name of a sandbox', completes: 'sandbox' };
const sandboxes: ArgumentSpec = { ...sandbox, about: 'ids or names of sandboxes', isRepeatable: true };

export const sandboxCommands: readonly CommandSpec[] = [
  {
    name: 'ps',
    about: 'List sandboxes',
    arguments: [],
    options: [
      { name: 'all', short: 'a', about: 'Also those that are stopped, paused or broken' },
      { name: 'quiet', short: 'q', about: 'Ids only' },
      ...commonOptions,
    ],
    examples: ['sovereign ps --all', 'sovereign rm --force $(sovereign ps -aq)'],
    load: () => import('../commands/ps.ts'),
  },
  {
    name: 'inspect',
    about: 'Show everything there is to know of a sandbox',
    arguments: [sandbox],
    options: commonOptions,
    examples: ['sovereign inspect dev', 'sovereign inspect dev --json'],
    load: () => import('../commands/inspect.ts'),
  },
  {
    name: 'stats',
    about: 'Show what sandboxes use, as it goes on',
    description: 'All that run, or those that are named. Once, when the output is no terminal.',
    arguments: [{ ...sandboxes, isOptional: true }],
    options: [
      { name: 'interval', value: 'TIME', default: '2s', about: 'How often to look' },
      { name: 'once', about: 'Look once' },
      ...commonOptions,
    ],
    examples: ['sovereign stats', 'sovereign stats dev --once'],
    load: () => import('../commands/stats.ts'),
  },
  {
    name: 'cp',
    about: 'Copy files between the host and a sandbox',
    description:
      'SRC and DST are paths of the host, or ID:PATH. A directory is copied whole; SRC/. copies what is in it.\nA dash is stdin or stdout, for one file. Nothing is ever written outside the destination: links that lead out of the\ncopy are left out, and said so.',
    arguments: [
      { name: 'SRC', about: 'what to copy: a path, ID:PATH or -', completes: 'file' },
      { name: 'DST', about: 'where to: a path, ID:PATH or -', completes: 'file' },
    ],
    options: [quiet, ...commonOptions],
    examples: [
      'sovereign cp dev:report.txt .',
      'sovereign cp ./src dev:/opt/src',
      'sovereign cp dev:/etc/os-release -',
    ],
    load: () => import('../commands/cp.ts'),
  },
  {
    name: 'pause',
    about: 'Freeze everything in a sandbox',
    arguments: [sandboxes],
    options: commonOptions,
    examples: ['sovereign pause dev'],
    load: () => import('../commands/pause.ts'),
  },
  {
    name: 'unpause',
    about: 'Let a paused sandbox go on',
    arguments: [sandboxes],
    options: commonOptions,
    examples: ['sovereign unpause dev'],
    load: () => import('../commands/unpause.ts'),
  },
  {
    name: 'stop',
    about: 'End everything in a sandbox and keep its files',
    arguments: [sandboxes],
    options: [
      {
        name: 'grace',
        value: 'TIME',
        default: '5s',
        about: 'How long processes may take to end before they are killed',
      },
      ...commonOptions,
    ],
    examples: ['sovereign stop dev', 'sovereign stop --grace 0s dev'],
    load: () => import('../commands/stop.ts'),
  },
  {
    name: 'start',
    about: 'Start a sandbox that was stopped',
    arguments: [sandboxes],
    options: commonOptions,
    examples: ['sovereign start dev'],
    load: () => import('../commands/start.ts'),
  },
  {
    name: 'rm',
    about: 'Remove a sandbox and its files; the workspace stays',
    arguments: [sandboxes],
    options: [{ name: 'force', short: 'f', about: 'Also one that runs' }, ...commonOptions],
    examples: ['sovereign rm dev', 'sovereign rm --force dev'],
    load: () => import('../commands/rm.ts'),
  },
];
