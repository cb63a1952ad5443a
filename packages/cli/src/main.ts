import type { Sovereign } from '@sovereign/sdk';
import { describeFailure } from './errors/describe-failure.ts';
import { exitCodes } from './errors/exit-codes.ts';
import { Output } from './output/output.ts';
import { OutputClosed } from './output/fd-writer.ts';
import { Progress } from './output/progress.ts';
import { findCommand } from './syntax/find-command.ts';
import { parseArguments, type Invocation } from './syntax/parse-arguments.ts';
import type { CommandContext } from './command-context.ts';
import type { CommandSpec } from './syntax/command-spec.ts';

/** What became of one call. */
export interface Ended {
  readonly exitCode: number;
  /** Output is still to be taken by a reader that has stalled: the process cannot wait for it and leave. */
  readonly isBlocked: boolean;
}

/** The whole command line: finds the command, runs it, tells of its failure. Leaves the process to its caller. */
export async function main(words: readonly string[]): Promise<Ended> {
  let call: Call | Failed;
  try {
    call = parse(words);
  } catch (error) {
    call = { error, isJson: guessJson(words) };
  }
  const isJson = 'error' in call ? call.isJson : call.options.has('json');
  const isQuiet = !('error' in call) && isGiven(call, 'quiet');
  const progress = new Progress({ isQuiet: isQuiet || isJson });
  const output = new Output({ progress, isQuiet });
  let exitCode: number;
  try {
    if ('error' in call) throw call.error;
    exitCode = await runCommand(call, { output, progress, isJson });
  } catch (error) {
    exitCode = await tell(error, output, isJson).catch(() => exitCodes.outputClosed);
  } finally {
    progress.end();
  }
  return { exitCode, isBlocked: output.isBusy };
}

interface Call extends Invocation {
  readonly spec: CommandSpec;
}

interface Failed {
  readonly error: unknown;
  readonly isJson: boolean;
}

function parse(words: readonly string[]): Call {
  const { spec, rest } = findCommand(words);
  return { spec, ...parseArguments(spec, rest) };
}

function isGiven({ spec, options }: Call, name: string): boolean {
  return spec.options.some((option) => option.name === name) && options.has(name);
}

async function runCommand(
  { spec, options, args, command }: Call,
  io: Pick<CommandContext, 'output' | 'progress' | 'isJson'>,
): Promise<number> {
  if (options.has('help')) {
    const { commandHelp } = await import('./syntax/help-text.ts');
    await io.output.text(commandHelp(spec));
    return exitCodes.success;
  }
  const { run } = await spec.load();
  let opening: Promise<Sovereign> | undefined;
  const client = (): Promise<Sovereign> =>
    (opening ??= import('@sovereign/sdk').then(({ Sovereign }) => Sovereign.open({ via: 'cli' })));
  try {
    return await run({ ...io, options, args, command, env: process.env, client });
  } finally {
    const opened = await opening?.catch(() => undefined);
    await opened?.close();
  }
}

/** Words that could not be parsed: whether the failure is to be told as JSON can only be guessed. */
function guessJson(words: readonly string[]): boolean {
  return words.slice(0, words.includes('--') ? words.indexOf('--') : undefined).includes('--json');
}

async function tell(thrown: unknown, output: Output, isJson: boolean): Promise<number> {
  if (thrown instanceof OutputClosed) return exitCodes.outputClosed;
  const { exitCode, error } = describeFailure(thrown);
  if (isJson) await output.json({ error });
  else await output.complain(`sovereign: ${error.message} ${error.hint}`.trimEnd());
  if (process.env['SOVEREIGN_DEBUG'] === '1' && thrown instanceof Error)
    await output.complain(thrown.stack ?? '');
  return exitCode;
}
