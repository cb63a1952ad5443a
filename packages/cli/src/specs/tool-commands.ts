import type { CommandSpec } from '../syntax/command-spec.ts';
import { commonOptions } from '../syntax/common-options.ts';

export const toolCommands: readonly CommandSpec[] = [
  {
    name: 'doctor',
    about: 'Try every tier here, and say what isolates',
    description: 'Exits with 1 when no tier isolates on this host.',
    arguments: [],
    options: commonOptions,
    examples: ['sovereign doctor'],
    load: () => import('../commands/doctor.ts'),
  },
  {
    name: 'completion',
    about: 'Print tab completion for a shell',
    arguments: [{ name: 'SHELL', about: 'bash or zsh' }],
    options: commonOptions,
    examples: ['source <(sovereign completion bash)', 'sovereign completion zsh > "${fpath[1]}/_sovereign"'],
    load: () => import('../commands/completion.ts'),
  },
  {
    name: 'version',
    about: 'Print the version',
    arguments: [],
    options: commonOptions,
    examples: ['sovereign version --json'],
    load: () => import('../commands/version.ts'),
  },
  {
    name: 'help',
    about: 'Explain a command',
    arguments: [{ name: 'COMMAND', about: 'name of a command', isOptional: true, isRepeatable: true }],
    options: commonOptions,
    examples: ['sovereign help run'],
    load: () => import('../commands/help.ts'),
  },
  {
    name: '__complete',
    about: 'Candidates for the last of some words',
    isHidden: true,
    arguments: [{ name: 'WORDS', about: 'words of a command line', isOptional: true, isRepeatable: true }],
    commandAt: 0,
    options: commonOptions,
    examples: [],
    load: () => import('../commands/complete.ts'),
  },
];
