import type { OptionSpec } from './command-spec.ts';

/** Options that every command has. */
export const commonOptions: readonly OptionSpec[] = [
  { name: 'json', about: 'Print the result, or the error, as JSON' },
  { name: 'help', short: 'h', about: 'Show this help' },
];

export const quiet: OptionSpec = {
  name: 'quiet',
  short: 'q',
  about: 'Say nothing but the result and errors',
};
export const env: OptionSpec = {
  name: 'env',
  short: 'e',
  value: 'NAME[=VALUE]',
  isRepeatable: true,
  about: 'Environment variable; a name alone copies ours',
};
export const cwd: OptionSpec = {
  name: 'cwd',
  value: 'PATH',
  default: 'the workspace',
  about: 'Working directory inside; a relative path is meant from the workspace',
};
export const user: OptionSpec = {
  name: 'user',
  short: 'u',
  value: 'USER[:GROUP]',
  default: 'USER of the image, else root',
  about: 'Who runs it, by name or number, as the sandbox knows them',
};
export const timeout: OptionSpec = {
  name: 'timeout',
  value: 'TIME',
  default: 'none',
  about: 'Kill everything the command started after so long (exit code 124)',
};
export const idleTimeout: OptionSpec = {
  name: 'idle-timeout',
  value: 'TIME',
  default: 'none',
  about: 'The same after so long without output',
};
export const interactive: OptionSpec = {
  name: 'interactive',
  short: 'i',
  default: 'when it is not a terminal',
  about: 'Pass stdin on, also from a terminal',
};
export const tty: OptionSpec = {
  name: 'tty',
  short: 't',
  default: 'when stdin and stdout are terminals',
  about: 'Run it on a terminal of its own',
};
export const noTty: OptionSpec = { name: 'no-tty', short: 'T', about: 'Never run it on a terminal' };
