import type { ArgumentSpec, CommandSpec } from '../syntax/command-spec.ts';
import { commonOptions } from '../syntax/common-options.ts';

const sandbox: ArgumentSpec = { name: 'ID', about: 'id or name of a sandbox', completes: 'sandbox' };
const process: ArgumentSpec = {
  name: 'PROCESS',
  about: 'number of a process, as `sovereign logs ID` lists them',
};

export const processCommands: readonly CommandSpec[] = [
  {
    name: 'logs',
    about: "List a sandbox's processes, or show the output of one",
    description:
      'Shows what is retained of the output, on stdout and stderr as the process wrote it. On a terminal, control\ncharacters in it are made visible. A client that follows the process loses it to this one.',
    arguments: [sandbox, { ...process, isOptional: true }],
    options: [
      { name: 'follow', short: 'f', about: 'Go on until the process has ended; exit with its code' },
      {
        name: 'tail',
        short: 'n',
        value: 'BYTES',
        default: 'all that is retained',
        about: 'Only so much from the end of each stream',
      },
      { name: 'raw', about: 'Leave control characters as they are, also on a terminal' },
      ...commonOptions,
    ],
    examples: ['sovereign logs dev', 'sovereign logs dev 3 --tail 4k', 'sovereign logs -f dev 3'],
    load: () => import('../commands/logs.ts'),
  },
  {
    name: 'attach',
    about: 'Take part in a process: its output, its stdin, its terminal',
    description: 'Ctrl-P Ctrl-Q leaves a process with a terminal, Ctrl-C one without; it runs on.',
    arguments: [sandbox, process],
    options: commonOptions,
    examples: ['sovereign attach dev 3'],
    load: () => import('../commands/attach.ts'),
  },
  {
    name: 'kill',
    about: 'Kill everything that a process started',
    arguments: [sandbox, process],
    options: commonOptions,
    examples: ['sovereign kill dev 3'],
    load: () => import('../commands/kill.ts'),
  },
];
