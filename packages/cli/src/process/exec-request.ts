import type { SpawnRequest } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { UsageError } from '../errors/usage-error.ts';
import { parseDuration } from '../values/parse-duration.ts';
import { parseEnv } from '../values/parse-pairs.ts';
import { isTerminal, terminalSize } from './terminal.ts';

/** The command that `run` and `exec` were given, without its stdin. @throws UsageError */
export function execRequest(context: CommandContext): SpawnRequest {
  const { options, command, env } = context;
  const [program, ...args] = command;
  if (program === undefined)
    throw new UsageError('A command for the sandbox is missing.', 'Write it last: -- COMMAND ARGS');
  const timeoutMs = options.read('timeout', parseDuration);
  const idleTimeoutMs = options.read('idle-timeout', parseDuration);
  const cwd = options.text('cwd');
  const user = options.text('user');
  const hasPty = wantsTerminal(context);
  return {
    command: program,
    args,
    ...(options.has('env') && { env: parseEnv(options.texts('env'), env) }),
    ...(cwd !== undefined && { cwd }),
    ...(user !== undefined && { user }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    ...(hasPty && terminal(context)),
  };
}

/** A terminal of the size and kind of ours. */
export function terminal({
  options,
  env,
}: Pick<CommandContext, 'options' | 'env'>): Pick<SpawnRequest, 'pty' | 'env'> {
  const own = parseEnv(options.texts('env'), env);
  const term = env['TERM'];
  return { pty: terminalSize(), env: { ...(term !== undefined && term !== '' && { TERM: term }), ...own } };
}

function wantsTerminal({ options, isJson }: CommandContext): boolean {
  if (options.has('no-tty') || options.has('detach') || isJson) {
    if (!options.has('tty')) return false;
    throw new UsageError('--tty does not go with --no-tty, --detach or --json.', 'Leave one of them out.');
  }
  return options.has('tty') || isTerminal();
}
