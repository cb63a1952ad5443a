import { hash } from 'node:crypto';

const maxRecordedChars = 16_384;
const maxArgumentChars = 1_024;
const maxArguments = 64;

/**
 * A command line as the ledger keeps it: whole up to 16,384 characters; of a longer one its first 64 arguments, each
 * cut to 1,024 characters, and the hash of all of it, so that it can still be told from another.
 */
export function recordedArgv(command: string, args: readonly string[]): readonly string[] {
  let chars = command.length;
  for (const arg of args) chars += arg.length;
  if (chars <= maxRecordedChars && args.length < 1_024)
    return args.length === 0 ? [command] : [command, ...args];
  const all = [command, ...args];
  const digest = hash('sha256', all.join('\0'));
  const shown = all
    .slice(0, maxArguments)
    .map((arg) => (arg.length > maxArgumentChars ? `${arg.slice(0, maxArgumentChars)}…` : arg));
  return [...shown, `… ${all.length} arguments of ${chars} characters, sha256 ${digest}`];
}
