import { commands } from '../syntax/command-table.ts';
import type { CommandSpec, Completes, OptionSpec } from '../syntax/command-spec.ts';

/** What the last of some words may become: words to choose from, or a kind of thing that has to be looked up. */
export interface Candidates {
  readonly words: readonly string[];
  readonly completes?: Completes | undefined;
}

/** `words` are those after `sovereign`; the last one is being typed and may be empty. */
export function candidatesFor(words: readonly string[]): Candidates {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const spec = commandOf(before);
  if (spec === undefined) return { words: nextNames(before) };
  if (spec.name === 'help') return { words: nextNames(before.slice(1)) };
  const rest = before.slice(spec.name.split(' ').length);
  if (rest.includes('--')) return { words: [], completes: 'file' };
  const asked = optionBefore(spec, rest);
  if (asked !== undefined) return { words: asked.choices ?? [], completes: asked.completes };
  if (current.startsWith('-')) return { words: spec.options.map(({ name }) => `--${name}`) };
  if (spec.name === 'completion') return { words: ['bash', 'zsh'] };
  const position = positionals(spec, rest);
  const argument = spec.arguments[position] ?? spec.arguments.at(-1);
  const isPast = position >= spec.arguments.length && argument?.isRepeatable !== true;
  return { words: [], completes: isPast ? undefined : argument?.completes };
}

function commandOf(words: readonly string[]): CommandSpec | undefined {
  const two = words.slice(0, 2).join(' ');
  return commands.find(({ name }) => name === two) ?? commands.find(({ name }) => name === words[0]);
}

/** Names of commands that go on from some words. */
function nextNames(before: readonly string[]): readonly string[] {
  const names = commands.filter(({ isHidden }) => isHidden !== true).map(({ name }) => name.split(' '));
  const fitting = names.filter((name) => before.every((word, index) => name[index] === word));
  return [...new Set(fitting.map((name) => name[before.length] ?? ''))].filter((word) => word !== '');
}

function find(spec: CommandSpec, word: string): OptionSpec | undefined {
  return spec.options.find(
    ({ name, short }) => word === `--${name}` || (short !== undefined && word === `-${short}`),
  );
}

/** The option whose value is being typed. */
function optionBefore(spec: CommandSpec, words: readonly string[]): OptionSpec | undefined {
  const option = find(spec, words.at(-1) ?? '');
  return option?.value === undefined ? undefined : option;
}

function positionals(spec: CommandSpec, words: readonly string[]): number {
  return words.filter(
    (word, index) => !word.startsWith('-') && optionBefore(spec, words.slice(0, index)) === undefined,
  ).length;
}
