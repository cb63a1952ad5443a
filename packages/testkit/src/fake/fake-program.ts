import type { FakeFiles } from './fake-files.ts';

/** What a built-in program of the fake guest sees of its world. */
export interface FakeProgramContext {
  readonly argv: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly cwd: string;
  readonly pid: number;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly files: FakeFiles;
  /** Aborts when the process is killed. */
  readonly signal: AbortSignal;
  /** Waits while the ring is full and somebody follows, as a write to a full pipe does. */
  readonly write: (stream: 'stdout' | 'stderr', data: Uint8Array) => Promise<void>;
  sleep(ms: number): Promise<void>;
  /** Ends this process by a signal. */
  raise(signal: number): void;
  find(name: string): FakeProgram | undefined;
}

/** A program: resolves with its exit code. */
export type FakeProgram = (context: FakeProgramContext) => Promise<number>;

const text = new TextEncoder();
const print = (context: FakeProgramContext, line: string): Promise<void> =>
  context.write('stdout', text.encode(`${line}\n`));
const complain = (context: FakeProgramContext, line: string): Promise<void> =>
  context.write('stderr', text.encode(`${line}\n`));

const echo: FakeProgram = async (context) => {
  await print(context, context.argv.slice(1).join(' '));
  return 0;
};

const cat: FakeProgram = async (context) => {
  const paths = context.argv.slice(1);
  if (paths.length === 0) for await (const chunk of context.stdin) await context.write('stdout', chunk);
  for (const path of paths) {
    const node = context.files.find(absolute(context.cwd, path));
    if (node?.kind !== 'file') {
      await complain(context, `cat: ${path}: No such file or directory`);
      return 1;
    }
    await context.write('stdout', node.content);
  }
  return 0;
};

const sleep: FakeProgram = async (context) => {
  const seconds = Number(context.argv[1]);
  if (!Number.isFinite(seconds)) return 1;
  await context.sleep(seconds * 1000);
  return 0;
};

/** Writes the same line for ever, like yes(1). */
const yes: FakeProgram = async (context) => {
  const block = text.encode(`${context.argv[1] ?? 'y'}\n`.repeat(8192));
  while (!context.signal.aborted) await context.write('stdout', block);
  return 0;
};

/** `flood BYTES` writes that many zero bytes, for tests of bounded memory. */
const flood: FakeProgram = async (context) => {
  const block = new Uint8Array(65_536);
  for (let left = Number(context.argv[1]); left > 0; left -= block.byteLength) {
    await context.write('stdout', block.subarray(0, Math.min(left, block.byteLength)));
  }
  return 0;
};

/** `printf FORMAT [ARGUMENT …]` with `%s`, `\0` and `\n`; the format is used again while arguments are left. */
const printf: FakeProgram = async (context) => {
  const [, format = '', ...values] = context.argv;
  const once = (): string =>
    format.replace(/%s|\\0|\\n/g, (directive) =>
      directive === '%s' ? (values.shift() ?? '') : directive === '\\0' ? '\0' : '\n',
    );
  let printed = once();
  while (values.length > 0 && format.includes('%s')) printed += once();
  await context.write('stdout', text.encode(printed));
  return 0;
};

const env: FakeProgram = async (context) => {
  for (const [name, value] of context.env) await print(context, `${name}=${value}`);
  return 0;
};

const pwd: FakeProgram = async (context) => {
  await print(context, context.cwd);
  return 0;
};

const touch: FakeProgram = (context) => {
  for (const path of context.argv.slice(1))
    context.files.put(absolute(context.cwd, path), new Uint8Array(0), 0o644);
  return Promise.resolve(0);
};

const tee: FakeProgram = async (context) => {
  const pieces: Uint8Array[] = [];
  for await (const chunk of context.stdin) {
    pieces.push(Uint8Array.from(chunk));
    await context.write('stdout', chunk);
  }
  let code = 0;
  for (const path of context.argv.slice(1)) {
    const at = absolute(context.cwd, path);
    if (context.files.tree.isReadOnly(at)) {
      await complain(context, `tee: ${path}: Read-only file system`);
      code = 1;
    } else context.files.put(at, Buffer.concat(pieces), 0o644);
  }
  return code;
};

const rm: FakeProgram = async (context) => {
  let code = 0;
  for (const path of context.argv.slice(1).filter((word) => !word.startsWith('-'))) {
    const at = absolute(context.cwd, path);
    const doomed = [...context.files.tree].filter(([name]) => name === at || name.startsWith(`${at}/`));
    for (const [name] of doomed) context.files.tree.delete(name);
    if (doomed.length > 0) continue;
    await complain(context, `rm: ${path}: No such file or directory`);
    code = 1;
  }
  return code;
};

/** `sh -c`: simple commands joined by `;`, `&&` and `||`, quotes, `$NAME`, `>&2`, `exit N`, `kill -N $$`. Nothing more. */
const sh: FakeProgram = async (context) => {
  if (context.argv[1] !== '-c') return 2;
  let code = 0;
  for (const { joint, words, toStderr } of parseScript(context.argv[2] ?? '', context)) {
    if ((joint === '&&' && code !== 0) || (joint === '||' && code === 0)) continue;
    const [name, first, second] = words;
    if (name === undefined) continue;
    if (name === 'exit') return Number(first ?? code) & 0xff;
    if (name === 'kill') {
      if (second === String(context.pid)) context.raise(Number((first ?? '').slice(1)));
      continue;
    }
    const program = context.find(name);
    if (program === undefined) {
      await complain(context, `sh: ${name}: not found`);
      code = 127;
      continue;
    }
    const write = toStderr ? (_: string, data: Uint8Array) => context.write('stderr', data) : context.write;
    code = await program({ ...context, argv: words, write });
  }
  return code;
};

export const fakePrograms: ReadonlyMap<string, FakeProgram> = new Map<string, FakeProgram>([
  ['true', () => Promise.resolve(0)],
  ['false', () => Promise.resolve(1)],
  ['echo', echo],
  ['cat', cat],
  ['sleep', sleep],
  ['yes', yes],
  ['flood', flood],
  ['printf', printf],
  ['env', env],
  ['pwd', pwd],
  ['touch', touch],
  ['tee', tee],
  ['rm', rm],
  ['sh', sh],
]);

interface Command {
  readonly joint: string;
  readonly words: readonly string[];
  readonly toStderr: boolean;
}

function parseScript(script: string, context: FakeProgramContext): readonly Command[] {
  const commands: Command[] = [];
  let joint = ';';
  let words: string[] = [];
  let toStderr = false;
  const finish = (next: string): void => {
    commands.push({ joint, words, toStderr });
    joint = next;
    words = [];
    toStderr = false;
  };
  const tokens = script.match(/;|&&|\|\||>&2|\n|(?:'[^']*'|"[^"]*"|[^\s;'"&|>])+/g) ?? [];
  for (const token of tokens) {
    if (token === ';' || token === '\n' || token === '&&' || token === '||') finish(token);
    else if (token === '>&2') toStderr = true;
    else words.push(unquoted(token, context));
  }
  finish(';');
  return commands;
}

function unquoted(token: string, context: FakeProgramContext): string {
  return token.replace(
    /'([^']*)'|"([^"]*)"|([^'"]+)/g,
    (_, single?: string, double?: string, plain?: string) => {
      if (single !== undefined) return single;
      const raw = double ?? plain ?? '';
      return raw.replace(/\$(\$|[A-Za-z_][A-Za-z0-9_]*)/g, (_match, name: string) =>
        name === '$' ? String(context.pid) : (context.env.get(name) ?? ''),
      );
    },
  );
}

function absolute(cwd: string, path: string): string {
  return path.startsWith('/') ? path : `${cwd.replace(/\/$/, '')}/${path}`;
}
