import { describe, expect, test } from 'vitest';
import { UsageError } from '../errors/usage-error.ts';
import type { CommandSpec } from './command-spec.ts';
import { commands } from './command-table.ts';
import { findCommand } from './find-command.ts';
import { commandHelp, overviewHelp } from './help-text.ts';
import { editDistance, nearest } from './nearest.ts';
import { parseArguments } from './parse-arguments.ts';

const parse = (line: string) => {
  const { spec, rest } = findCommand(line.split(' '));
  const { options, args, command } = parseArguments(spec, rest);
  return { spec, options, args, command };
};

/** The message and hint of the refusal. */
const refusal = (line: string): string => {
  try {
    parse(line);
  } catch (error) {
    if (error instanceof UsageError) return `${error.message} ${error.hint}`;
    throw error;
  }
  return 'none';
};

describe('parsing', () => {
  test('options end where the command begins', () => {
    const { options, args, command } = parse('exec -t -e A=1 dev ls -l --tty=no -e x');
    expect([options.has('tty'), options.texts('env'), args, command]).toEqual([
      true,
      ['A=1'],
      ['dev'],
      ['ls', '-l', '--tty=no', '-e', 'x'],
    ]);
  });

  test.each([
    ['run -- ls -l', ['ls', '-l']],
    ['run ls -l', ['ls', '-l']],
    ['run -q --name x -- -odd', ['-odd']],
    ['exec dev -- ls', ['ls']],
    ['exec -- dev ls -l', ['ls', '-l']],
    ['exec dev ls -- x', ['ls', '--', 'x']],
  ])('%s', (line, command) => {
    expect(parse(line).command).toEqual(command);
  });

  test('groups of short flags, joined values, values with an equals sign', () => {
    const { options } = parse('run -qd -eA=b --memory=512m -w . -- x');
    expect([
      options.has('quiet'),
      options.has('detach'),
      options.text('env'),
      options.text('memory'),
      options.text('workspace'),
    ]).toEqual([true, true, 'A=b', '512m', '.']);
  });

  test.each([
    ['rn', 'sovereign has no command rn. Did you mean sovereign run?'],
    ['exce dev ls', 'sovereign has no command exce. Did you mean sovereign exec?'],
    [
      'audit verfiy',
      'sovereign audit has no command verfiy (list, verify). Did you mean sovereign audit verify?',
    ],
    ['audit', 'sovereign audit needs one of its commands (list, verify). See: sovereign help audit'],
    ['run --detatch -- x', 'sovereign run has no option --detatch. Did you mean --detach?'],
    [
      'run --tier contaner -- x',
      '--tier: contaner (expected auto, microvm, container, process, quilt, docker, qemu, firecracker, docker-sandbox, appcontainer). Did you mean container?',
    ],
    ['run --name', '--name needs a value (NAME). Write --name=NAME.'],
    ['run --name --keep -- x', '--name needs a value (NAME). Write --name=NAME.'],
    ['run --keep=yes -- x', '--keep takes no value: yes. Write --keep alone.'],
    ['run --name a --name b -- x', '--name is given twice. Give it once.'],
    ['logs', 'sovereign logs needs ID (id or name of a sandbox). See: sovereign logs --help'],
    ['top a b', 'sovereign top takes no more arguments: b. See: sovereign top --help'],
  ])('%s', (line, said) => {
    expect(refusal(line)).toBe(said);
  });

  test('--help needs no arguments', () => {
    expect(parse('exec --help').options.has('help')).toBe(true);
  });

  test('asking for an option that a command does not have is a defect', () => {
    expect(() => parse('ps').options.has('detach')).toThrow(TypeError);
  });
});

describe('nearest', () => {
  test.each([
    ['psl', 'ps'],
    ['exce', 'exec'],
    ['inspekt', 'inspect'],
    ['att', 'attach'],
  ])('%s → %s', (word, meant) => {
    expect(nearest(word, ['ps', 'exec', 'inspect', 'attach'])).toBe(meant);
  });

  test('nothing is near to what is far', () => {
    expect(nearest('frobnicate', ['ps', 'exec'])).toBeUndefined();
  });

  test('a swap of neighbours is one step', () => {
    expect([editDistance('exce', 'exec'), editDistance('', 'abc'), editDistance('same', 'same')]).toEqual([
      1, 3, 0,
    ]);
  });
});

describe('the table of commands', () => {
  test.each(commands.map((spec) => [spec.name, spec] as const))('%s', async (_name, spec: CommandSpec) => {
    const names = spec.options.map(({ name }) => name);
    const shorts = spec.options.flatMap(({ short }) => (short === undefined ? [] : [short]));
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(shorts).size).toBe(shorts.length);
    expect(names).toEqual(expect.arrayContaining(['json', 'help']));
    expect(spec.isHidden === true || spec.examples.length > 0).toBe(true);
    expect((await spec.load()).run).toBeTypeOf('function');
  });

  test('help shows every option with its default, and no line is too long', () => {
    for (const spec of commands) {
      const help = commandHelp(spec);
      for (const { name, default: holds } of spec.options) {
        expect(help).toContain(`--${name}`);
        if (holds !== undefined) expect(help.replaceAll(/\s+/g, ' ')).toContain(`default: ${holds}`);
      }
      for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
    }
    for (const { name, isHidden } of commands)
      expect(overviewHelp(commands).includes(`  ${name} `)).toBe(isHidden !== true);
  });

  test('examples can be parsed', () => {
    for (const example of commands.flatMap(({ examples }) => examples)) {
      const words =
        /sovereign ([^|<>)]*)/.exec(example)?.[1]?.trim().replaceAll('$(sovereign ps -aq', 'x').split(' ') ??
        [];
      expect(() => parse(words.join(' '))).not.toThrow();
    }
  });
});
