/**
 * A Docker Sandboxes without its machines: `sbx`, and as `docker` its plugin. It takes the published command lines and no
 * others (`published-interface.ts`), keeps its state beside itself, and runs what is executed for real
 * (`fake-machine.ts`). What it is asked is logged; `setting.json` says how the host is set up, `faults.json` what goes wrong.
 */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { FakeMachine } from './fake-machine.ts';
import { parseLine, plugin, sbx, type ParsedLine } from './published-interface.ts';

interface Setting {
  readonly isSignedIn?: boolean;
  /** The preset. Default `allow-all`; null when nobody has chosen one. */
  readonly policy?: 'allow-all' | 'balanced' | 'deny-all' | null;
  readonly architecture?: string;
}

interface Fault {
  /** A pattern for the command line that it happens at. */
  readonly at?: string;
  readonly how?: 'fail' | 'late' | 'hang' | 'hang-late' | 'rubbish' | 'endless' | 'ignore' | 'zero';
}

const program = realpathSync(process.argv[1] ?? '');
const home = dirname(program);
const isPlugin = basename(program) === 'docker';
const argv = process.argv.slice(isPlugin ? 3 : 2);
const machines = join(home, 'machines');
mkdirSync(machines, { recursive: true });

function read(name: string): object {
  try {
    return JSON.parse(readFileSync(join(home, name), 'utf8')) as object;
  } catch {
    return {};
  }
}

function fail(message: string): never {
  process.stderr.write(`ERROR: ${message}\n`);
  process.exit(1);
}

const forever = (): Promise<never> => new Promise(() => setInterval(() => undefined, 60_000));

function machine(name: string | undefined): FakeMachine {
  const found = new FakeMachine(machines, name ?? '');
  if (name === undefined || !/^[A-Za-z0-9.+-]{1,64}$/.test(name) || !found.isThere)
    fail(`sandbox "${name ?? ''}" not found`);
  return found;
}

async function act({ verb, flags, args }: ParsedLine, setting: Setting): Promise<number> {
  switch (verb) {
    case 'version':
      print(isPlugin ? 'github.com/docker/sandboxes/cli-plugin v0.12.0 f00f0d6' : 'sbx version v0.43.0');
      return 0;
    case 'ls':
      return list(flags);
    case 'create':
      return create(flags, args, setting);
    case 'exec': {
      if (flags.has('detach')) fail('detached execution is not supported');
      if (flags.get('user') !== '0:0') fail('only root is acted out');
      const [name, ...command] = args;
      const how = { directory: flags.get('workdir') ?? '/', hasStdin: flags.has('interactive') };
      return machine(name).exec(command, how);
    }
    case 'stop':
      for (const name of args) await machine(name).stop({ onlyIdle: false });
      return 0;
    case 'rm':
      if (!isPlugin && !flags.has('force')) fail('confirmation is needed, and there is no terminal');
      for (const name of args) await machine(name).remove();
      return 0;
    case 'policy deny network':
      machine(flags.get('sandbox')).deny(args[0] ?? '');
      return 0;
    case 'network proxy':
      if (flags.get('policy') === 'deny') machine(args[0]).deny('**');
      return 0;
    case 'policy check network':
      return check(flags.get('sandbox'), args[0] ?? '', setting.policy ?? 'allow-all');
    default:
      return fail(`unknown command "${verb}"`);
  }
}

function list(flags: ReadonlyMap<string, string>): number {
  const entries = readdirSync(machines)
    .map((name) => new FakeMachine(machines, name))
    .filter((one) => one.isThere)
    .map((one) => ({ ...one.facts, agent: 'shell', status: one.isRunning ? 'running' : 'stopped' }));
  const shown = entries.map(({ name, id, agent, status, workspaces }) =>
    isPlugin
      ? { name, agent, status, sandbox_count: 1, workspaces }
      : { name, id, agent, status, workspaces },
  );
  if (!flags.has('json')) fail('only --json is acted out');
  print(JSON.stringify(isPlugin ? { vms: shown } : { sandboxes: shown }, null, 2));
  return 0;
}

async function create(
  flags: ReadonlyMap<string, string>,
  [agent, ...workspaces]: readonly string[],
  setting: Setting,
): Promise<number> {
  if (agent !== 'shell') fail(`unknown agent "${agent ?? ''}"`);
  if (setting.policy === null) fail('no network policy: run "sbx policy init" first');
  const name = flags.get('name') ?? `shell-${Date.now()}`;
  if (!/^[A-Za-z0-9.+-]{1,64}$/.test(name)) fail(`invalid name "${name}"`);
  if (workspaces[0]?.endsWith(':ro') === true) fail('the primary workspace cannot be read-only');
  if (!/^(?:\d+[mg])?$/.test(flags.get('memory') ?? '')) fail('invalid memory');
  if (!/^\d*$/.test(flags.get('cpus') ?? '')) fail('invalid argument for "--cpus"');
  const made = new FakeMachine(machines, name);
  if (made.isThere) fail(`sandbox "${name}" already exists`);
  made.make(
    {
      name,
      workspaces,
      template: flags.get('template') ?? 'default',
      memory: flags.get('memory') ?? '',
      cpus: flags.get('cpus') ?? '',
    },
    setting.architecture,
  );
  await made.boot();
  // Nobody has a session in it: it stops by itself.
  await made.stop({ onlyIdle: true });
  print(name);
  return 0;
}

/** Of what the preset `balanced` allows. */
const usual = ['github.com', 'api.anthropic.com'];

/** An error ends with 0, as that of the real one is seen to. */
function check(name: string | undefined, target: string, preset: string): number {
  const found = new FakeMachine(machines, name ?? '');
  if (!found.isThere) {
    print(`ERROR: sandbox "${name ?? ''}" not found`);
    return 0;
  }
  const isAllowed = preset === 'allow-all' || (preset === 'balanced' && usual.includes(target));
  const isDenied = !isAllowed || found.facts.denied.some((rule) => rule === '**' || rule === target);
  print(`${isDenied ? 'Denied' : 'Allowed'}: ${target}`);
  return isDenied ? 1 : 0;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<number> {
  const setting = read('setting.json') as Setting;
  appendFileSync(
    join(home, 'log.jsonl'),
    `${JSON.stringify({ argv, env: Object.keys(process.env).sort(), pid: process.pid })}\n`,
  );
  if (isPlugin && process.argv[2] !== 'sandbox') fail(`docker: unknown command: ${process.argv[2] ?? ''}`);
  let line: ParsedLine;
  try {
    line = parseLine(isPlugin ? plugin : sbx, argv);
  } catch (error) {
    process.stderr.write(`ERROR: ${(error as Error).message}\n\nUsage:\n  sbx [command]\n`);
    return 1;
  }
  const { at, how } = read('faults.json') as Fault;
  const isFaulty = at !== undefined && new RegExp(at).test(argv.join(' '));
  if (isFaulty && how === 'fail') fail('something \u001b[31mbroke\u001b[0m');
  if (isFaulty && how === 'hang') return forever();
  if (isFaulty && how === 'rubbish') return (print('{"sandboxes": [{"name": 7}]} no'), 0);
  if (isFaulty && how === 'zero') return (print('ERROR: it went wrong'), 0);
  if (isFaulty && how === 'ignore') return 0;
  if (isFaulty && how === 'endless') for (;;) print('x'.repeat(65_536));
  if (setting.isSignedIn === false && line.verb !== 'version')
    fail('You are not authenticated to Docker. Please run "sbx login".');
  const code = await act(line, setting);
  if (isFaulty && how === 'late') fail('it broke at the end');
  if (isFaulty && how === 'hang-late') return forever();
  return code;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => fail(error instanceof Error ? error.message : String(error)),
);
