import type { CommandSpec } from '../syntax/command-spec.ts';
import {
  commonOptions,
  cwd,
  env,
  idleTimeout,
  interactive,
  noTty,
  quiet,
  timeout,
  tty,
  user,
} from '../syntax/common-options.ts';
import { createOptions, verbose } from './create-options.ts';

const commandArguments = [
  { name: 'COMMAND', about: 'program in the sandbox' },
  {
    name: 'ARGS',
    about: 'its arguments, as they are: no shell looks at them',
    isOptional: true,
    isRepeatable: true,
  },
] as const;

export const runCommands: readonly CommandSpec[] = [
  {
    name: 'run',
    about: 'Run a command in a new sandbox',
    description:
      'Creates a sandbox, runs the command in it, removes it. Its output, its exit code and signals are as if it ran here.\nWith --keep or --detach the sandbox stays.',
    arguments: [{ ...commandArguments[0], isOptional: true }, commandArguments[1]],
    commandAt: 0,
    options: [
      ...createOptions,
      env,
      cwd,
      user,
      timeout,
      idleTimeout,
      interactive,
      tty,
      noTty,
      { name: 'keep', about: 'Keep the sandbox when the command has ended' },
      {
        name: 'detach',
        short: 'd',
        about: 'Print the id and leave the sandbox running; without a command it is idle',
      },
      quiet,
      verbose,
      ...commonOptions,
    ],
    examples: [
      'sovereign run -- make test',
      'sovereign run --network host --memory 2g -- npm ci',
      'sovereign run --image alpine:3 -- cat /etc/os-release',
      'sovereign run --name dev -d',
    ],
    load: () => import('../commands/run.ts'),
  },
  {
    name: 'exec',
    about: 'Run a command in a sandbox that runs',
    arguments: [{ name: 'ID', about: 'id or name of a sandbox', completes: 'sandbox' }, ...commandArguments],
    commandAt: 1,
    options: [
      env,
      cwd,
      user,
      timeout,
      idleTimeout,
      interactive,
      tty,
      noTty,
      { name: 'detach', short: 'd', about: 'Print the number of the process and leave it running' },
      quiet,
      ...commonOptions,
    ],
    examples: ['sovereign exec dev python3 -m unittest', 'echo hello | sovereign exec dev -- cat'],
    load: () => import('../commands/exec.ts'),
  },
  {
    name: 'shell',
    about: 'Open a shell, in a new sandbox or in one that runs',
    description: 'bash where there is one, else sh. A new sandbox is removed when its shell has ended.',
    arguments: [
      {
        name: 'ID',
        about: 'id or name of a sandbox; a new one when missing',
        isOptional: true,
        completes: 'sandbox',
      },
    ],
    options: [...createOptions, env, cwd, user, quiet, verbose, ...commonOptions],
    examples: ['sovereign shell', 'sovereign shell dev', 'sovereign shell dev < script.sh'],
    load: () => import('../commands/shell.ts'),
  },
  {
    name: 'create',
    about: 'Create a sandbox and leave it running',
    arguments: [],
    options: [
      ...createOptions,
      { name: 'no-start', about: 'Only make it; `sovereign start` starts it' },
      env,
      user,
      quiet,
      verbose,
      ...commonOptions,
    ],
    examples: [
      'sovereign create --name dev',
      'sovereign create --image alpine:3 --volume data:/data --no-start',
      'sovereign create --image ./rootfs.tar.gz --no-workspace',
    ],
    load: () => import('../commands/create.ts'),
  },
];
