import { UsageError } from '../errors/usage-error.ts';
import type { CommandSpec } from './command-spec.ts';
import { commands } from './command-table.ts';
import { nearest } from './nearest.ts';

/** The command that words begin with, and the words after it. @throws UsageError */
export function findCommand(words: readonly string[]): {
  readonly spec: CommandSpec;
  readonly rest: readonly string[];
} {
  const [first, second] = words;
  if (first === undefined || first === '--help' || first === '-h') return { spec: named('help'), rest: [] };
  if (first === '--version' || first === '-v') return { spec: named('version'), rest: words.slice(1) };
  const two = commands.find(({ name }) => second !== undefined && name === `${first} ${second}`);
  if (two !== undefined) return { spec: two, rest: words.slice(2) };
  const one = commands.find(({ name }) => name === first);
  if (one !== undefined) return { spec: one, rest: words.slice(1) };
  throw unknownCommand(first, second);
}

function named(name: string): CommandSpec {
  const spec = commands.find((command) => command.name === name);
  if (spec === undefined) throw new TypeError(`no command is called ${name}`);
  return spec;
}

function unknownCommand(first: string, second: string | undefined): UsageError {
  const beneath = commands
    .filter(({ name }) => name.startsWith(`${first} `))
    .map(({ name }) => name.slice(first.length + 1));
  if (beneath.length > 0) {
    const meant = second === undefined ? undefined : nearest(second, beneath);
    const said =
      second === undefined || second.startsWith('-')
        ? 'needs one of its commands'
        : `has no command ${second}`;
    return new UsageError(
      `sovereign ${first} ${said} (${beneath.join(', ')}).`,
      meant === undefined ? `See: sovereign help ${first}` : `Did you mean sovereign ${first} ${meant}?`,
    );
  }
  const names = commands
    .filter(({ isHidden }) => isHidden !== true)
    .map(({ name }) => name.split(' ')[0] ?? name);
  const meant = nearest(first, [...new Set(names)]);
  return new UsageError(
    first.startsWith('-') ? `sovereign has no option ${first}.` : `sovereign has no command ${first}.`,
    meant === undefined ? 'See: sovereign --help' : `Did you mean sovereign ${meant}?`,
  );
}
