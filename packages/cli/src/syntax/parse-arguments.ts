import { parseArgs } from 'node:util';
import { UsageError } from '../errors/usage-error.ts';
import type { CommandSpec, OptionSpec } from './command-spec.ts';
import { nearest } from './nearest.ts';
import { OptionValues } from './option-values.ts';

/** What was asked for. */
export interface Invocation {
  readonly options: OptionValues;
  readonly args: readonly string[];
  /** argv of the command for the sandbox. */
  readonly command: readonly string[];
}

/**
 * Reads the words after a command's name. Options end at `--`, and for a command that passes one on, where that begins:
 * `exec -t dev ls -l` gives `-l` to ls.
 *
 * @throws UsageError for what the command does not know or lacks.
 */
export function parseArguments(spec: CommandSpec, words: readonly string[]): Invocation {
  const options = Object.fromEntries(
    spec.options.map((option) => [
      option.name,
      {
        type: option.value === undefined ? ('boolean' as const) : ('string' as const),
        ...(option.short !== undefined && { short: option.short }),
      },
    ]),
  );
  const { tokens } = parseArgs({
    args: [...words],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string[]>();
  const args: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (args.length === spec.commandAt) return finish(spec, values, args, words.slice(token.index));
      args.push(token.value);
    } else if (token.kind === 'option-terminator') {
      const rest = words.slice(token.index + 1);
      if (spec.commandAt === undefined) return finish(spec, values, [...args, ...rest], []);
      const missing = spec.commandAt - args.length;
      return finish(spec, values, [...args, ...rest.slice(0, missing)], rest.slice(missing));
    } else {
      const option = spec.options.find(({ name }) => name === token.name);
      if (option === undefined) throw unknownOption(spec, token.rawName);
      const given = values.get(option.name) ?? [];
      given.push(valueOf(option, token.rawName, token.value, token.inlineValue === true));
      values.set(option.name, given);
    }
  }
  return finish(spec, values, args, []);
}

function valueOf(option: OptionSpec, rawName: string, value: string | undefined, isInline: boolean): string {
  if (option.value === undefined) {
    if (value !== undefined)
      throw new UsageError(`${rawName} takes no value: ${value}.`, `Write ${rawName} alone.`);
    return 'true';
  }
  const example = option.choices === undefined ? option.value : option.choices.join(' or ');
  // A dash alone is a value; what begins with one most likely is the next option.
  if (value === undefined || (!isInline && value.length > 1 && value.startsWith('-'))) {
    throw new UsageError(
      `${rawName} needs a value (${example}).`,
      `Write ${rawName}${rawName.startsWith('--') ? '=' : ' '}${option.value}.`,
    );
  }
  if (option.choices !== undefined && !option.choices.includes(value)) {
    const meant = nearest(value, option.choices);
    throw new UsageError(
      `${rawName}: ${value} (expected ${option.choices.join(', ')}).`,
      meant === undefined ? `Choose one of these.` : `Did you mean ${meant}?`,
    );
  }
  return value;
}

function finish(
  spec: CommandSpec,
  values: ReadonlyMap<string, readonly string[]>,
  args: readonly string[],
  command: readonly string[],
): Invocation {
  for (const option of spec.options) {
    if (option.isRepeatable === true || (values.get(option.name)?.length ?? 0) < 2) continue;
    if (option.value !== undefined) throw new UsageError(`--${option.name} is given twice.`, 'Give it once.');
  }
  const options = new OptionValues(spec.options, values);
  if (!options.has('help')) checkCount(spec, args);
  // `exec dev -- ls` means what `exec dev ls` does.
  return { options, args, command: command[0] === '--' ? command.slice(1) : command };
}

function checkCount(spec: CommandSpec, args: readonly string[]): void {
  const positional = spec.commandAt === undefined ? spec.arguments : spec.arguments.slice(0, spec.commandAt);
  const missing = positional.slice(args.length).find(({ isOptional }) => isOptional !== true);
  const help = `See: sovereign ${spec.name} --help`;
  if (missing !== undefined)
    throw new UsageError(`sovereign ${spec.name} needs ${missing.name} (${missing.about}).`, help);
  const extra = args[positional.length];
  if (extra === undefined || positional.at(-1)?.isRepeatable === true) return;
  throw new UsageError(`sovereign ${spec.name} takes no more arguments: ${extra}.`, help);
}

function unknownOption(spec: CommandSpec, rawName: string): UsageError {
  const names = spec.options.flatMap(({ name, short }) => [
    `--${name}`,
    ...(short === undefined ? [] : [`-${short}`]),
  ]);
  const meant = nearest(rawName, rawName.startsWith('--') ? names : []);
  return new UsageError(
    `sovereign ${spec.name} has no option ${rawName}.`,
    meant === undefined ? `See: sovereign ${spec.name} --help` : `Did you mean ${meant}?`,
  );
}
