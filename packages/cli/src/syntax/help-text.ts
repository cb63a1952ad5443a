import { width } from '../text/table.ts';
import type { CommandSpec, OptionSpec } from './command-spec.ts';

const wrapColumns = 100;

/** What `sovereign --help` shows: the commands, and where to read on. */
export function overviewHelp(commands: readonly CommandSpec[]): string {
  const rows = commands
    .filter(({ isHidden }) => isHidden !== true)
    .map(({ name, about }) => [name, about] as const);
  return [
    'Usage: sovereign COMMAND [OPTIONS] [ARGUMENTS]\n\n',
    'Runs commands in isolation that you control.\n\nCommands:\n',
    columns(rows),
    '\nEvery command takes --json, and --help, which shows its options and an example.\n',
    'Exit codes: those of the command in the sandbox; 125 when sovereign itself fails, 2 when the call is wrong.\n',
    '\nExamples:\n  sovereign run -- make test\n  sovereign shell\n  sovereign doctor\n',
  ].join('');
}

/** What `sovereign COMMAND --help` shows. */
export function commandHelp(spec: CommandSpec): string {
  const parts = [`Usage: sovereign ${spec.name} [OPTIONS]${usage(spec)}\n\n${spec.about}.\n`];
  if (spec.description !== undefined) parts.push(`${spec.description}\n`);
  if (spec.arguments.length > 0) {
    parts.push('\nArguments:\n', columns(spec.arguments.map(({ name, about }) => [name, about] as const)));
  }
  parts.push(
    '\nOptions:\n',
    columns(spec.options.map((option) => [optionName(option), optionAbout(option)] as const)),
  );
  if (spec.examples.length > 0) {
    parts.push(
      `\nExample${spec.examples.length > 1 ? 's' : ''}:\n`,
      ...spec.examples.map((line) => `  ${line}\n`),
    );
  }
  return parts.join('');
}

function usage({ arguments: args }: CommandSpec): string {
  return args
    .map(({ name, isOptional, isRepeatable }) => {
      const word = isRepeatable === true ? `${name}…` : name;
      return isOptional === true ? ` [${word}]` : ` ${word}`;
    })
    .join('');
}

function optionName({ name, short, value }: OptionSpec): string {
  return `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
}

function optionAbout(option: OptionSpec): string {
  const facts = [
    ...(option.choices === undefined ? [] : [`one of ${option.choices.join(', ')}`]),
    ...(option.default === undefined ? [] : [`default: ${option.default}`]),
    ...(option.isRepeatable === true ? ['may be repeated'] : []),
  ];
  return facts.length === 0 ? option.about : `${option.about} (${facts.join('; ')})`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const left = Math.min(28, Math.max(...rows.map(([name]) => width(name))));
  const indent = ' '.repeat(left + 4);
  return rows
    .map(([name, about]) => {
      const lines = wrap(about, wrapColumns - indent.length);
      const head =
        width(name) > left ? `  ${name}\n${indent}` : `  ${name}${' '.repeat(left - width(name) + 2)}`;
      return `${head}${lines.join(`\n${indent}`)}\n`;
    })
    .join('');
}

function wrap(text: string, limit: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && width(last) + 1 + width(word) <= limit)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
