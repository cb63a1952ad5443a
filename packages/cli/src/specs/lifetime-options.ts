import type { OptionSpec } from '../syntax/command-spec.ts';

/** How long a new sandbox is meant to live. */
export const lifetimeOptions: readonly OptionSpec[] = [
  {
    name: 'strategy',
    value: 'STRATEGY',
    default: 'service; ephemeral for run without --keep',
    choices: ['ephemeral', 'task', 'session', 'service'],
    about: 'Lives for one command, until its task or session is completed, or until it is removed',
  },
  { name: 'scope', value: 'NAME', about: 'The task or session that it belongs to' },
  {
    name: 'idle',
    value: 'TIME',
    default: 'no limit',
    about: 'Stop it when so long nothing was done with it',
  },
  { name: 'max-age', value: 'TIME', default: 'no limit', about: 'Stop it so long after its creation' },
  {
    name: 'on-expiry',
    value: 'WHAT',
    default: 'stop, its files are kept',
    choices: ['stop', 'remove'],
    about: 'What is done when a limit has passed',
  },
];
