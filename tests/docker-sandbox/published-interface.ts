/**
 * The command lines of Docker Sandboxes that a driver may use, as published: docs.docker.com/reference/cli/sbx/ (with the
 * manual page "Local policy" for `--sandbox` of policy rules) and docs.docker.com/reference/cli/docker/sandbox/. Written
 * down a second time and more fully than the driver has it. When the programs change, this is the file to compare.
 */
export interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly isBoolean?: boolean;
}

export interface Verb {
  readonly words: readonly string[];
  readonly flags: readonly Flag[];
  /** How many arguments it takes besides. */
  readonly least: number;
  readonly most: number;
  /** What stands behind the first argument is another command's: no flag is looked for there. */
  readonly isCommandLast?: boolean;
}

const bool = (name: string, short?: string): Flag => ({ name, isBoolean: true, ...(short && { short }) });
const value = (name: string, short?: string): Flag => ({ name, ...(short && { short }) });
const everywhere = [bool('help', 'h'), bool('debug', 'D')] as const;
const many = 100;

const execFlags = [
  bool('detach', 'd'),
  value('detach-keys'),
  value('env', 'e'),
  value('env-file'),
  bool('interactive', 'i'),
  bool('privileged'),
  bool('tty', 't'),
  value('user', 'u'),
  value('workdir', 'w'),
] as const;

export const sbx: readonly Verb[] = [
  { words: ['version'], flags: [], least: 0, most: 0 },
  { words: ['ls'], flags: [bool('json'), bool('quiet', 'q')], least: 0, most: 0 },
  {
    words: ['create'],
    flags: [
      bool('clone'),
      value('cpus'),
      value('kit'),
      value('mcp'),
      value('memory', 'm'),
      value('name'),
      bool('quiet', 'q'),
      value('template', 't'),
    ],
    // AGENT PATH [PATH...]: that the path may be left out came with 0.42.
    least: 2,
    most: many,
  },
  { words: ['exec'], flags: execFlags, least: 2, most: many, isCommandLast: true },
  { words: ['stop'], flags: [], least: 1, most: many },
  { words: ['rm'], flags: [bool('all'), bool('force', 'f')], least: 0, most: many },
  { words: ['policy', 'deny', 'network'], flags: [value('sandbox')], least: 1, most: 1 },
  {
    words: ['policy', 'check', 'network'],
    flags: [bool('json'), value('sandbox'), bool('verbose')],
    least: 1,
    most: 1,
  },
];

export const plugin: readonly Verb[] = [
  { words: ['version'], flags: [], least: 0, most: 0 },
  { words: ['ls'], flags: [bool('json'), bool('no-trunc'), bool('quiet', 'q')], least: 0, most: 0 },
  {
    words: ['create'],
    flags: [value('name'), value('pull-template'), bool('quiet', 'q'), value('template', 't')],
    least: 2,
    most: many,
  },
  { words: ['exec'], flags: execFlags, least: 2, most: many, isCommandLast: true },
  { words: ['stop'], flags: [], least: 1, most: many },
  { words: ['rm'], flags: [], least: 1, most: many },
  {
    words: ['network', 'proxy'],
    flags: [
      ...['allow-cidr', 'allow-host', 'block-cidr', 'block-host', 'bypass-cidr', 'bypass-host'].map((name) =>
        value(name),
      ),
      value('policy'),
    ],
    least: 1,
    most: 1,
  },
];

export interface ParsedLine {
  readonly verb: string;
  readonly flags: ReadonlyMap<string, string>;
  readonly args: readonly string[];
}

/** @throws Error with what the program prints before its usage */
export function parseLine(verbs: readonly Verb[], argv: readonly string[]): ParsedLine {
  const verb = verbs.find(({ words }) => words.every((word, index) => argv[index] === word));
  if (verb === undefined) throw new Error(`unknown command "${argv[0] ?? ''}"`);
  const known = [...verb.flags, ...everywhere];
  const flags = new Map<string, string>();
  const args: string[] = [];
  const rest = argv.slice(verb.words.length);
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] ?? '';
    const isBehind = verb.isCommandLast === true && args.length > 0;
    if (isBehind || !word.startsWith('-') || word === '-') {
      args.push(word);
      continue;
    }
    const long = /^--([^=]+)(?:=(.*))?$/s.exec(word);
    const name = long?.[1] ?? word.slice(1, 2);
    const flag = known.find((one) => (long === null ? one.short === name : one.name === name));
    if (flag === undefined) throw new Error(`unknown flag: ${word}`);
    let given = long === null ? word.slice(2) || undefined : long[2];
    if (flag.isBoolean === true) given ??= 'true';
    else given ??= rest[++index];
    if (given === undefined) throw new Error(`flag needs an argument: ${word}`);
    flags.set(flag.name, given);
  }
  if (args.length < verb.least || args.length > verb.most)
    throw new Error(`accepts ${verb.least} to ${verb.most} arg(s), received ${args.length}`);
  return { verb: verb.words.join(' '), flags, args };
}
