/**
 * A Firecracker without KVM: its command line, its API by the published description (`api-description.ts`) with the order
 * in which calls are legal, its vsock socket with the handshake, and its snapshots as files. The machine behind it is a
 * real shelld in a process namespace of its own. What it is asked is logged beside the program; `faults.json` there says
 * what goes wrong.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import net from 'node:net';
import { dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import { operations, type Legal } from './api-description.ts';

interface Faults {
  /** `PUT /vsock`: which request it happens at. */
  readonly at?: string;
  readonly how?: 'die' | 'rubbish' | 'hang' | 'refuse' | 'endless' | 'no-reason';
  readonly vsock?: 'hang' | 'rubbish' | 'half' | 'refuse';
  readonly shelld?: string;
  readonly snapshotVersion?: string;
}

interface Setting {
  readonly shelld: string;
  /** Below which files may be worked on. */
  readonly root: string;
}

const program = realpathSync(process.argv[1] ?? '');
const home = dirname(program);
const setting = JSON.parse(readFileSync(join(home, 'setting.json'), 'utf8')) as Setting;

function faults(): Faults {
  try {
    return JSON.parse(readFileSync(join(home, 'faults.json'), 'utf8')) as Faults;
  } catch {
    return {};
  }
}

function log(entry: Readonly<Record<string, unknown>>): void {
  appendFileSync(join(home, 'log.jsonl'), `${JSON.stringify(entry)}\n`);
}

function parseArguments(): { readonly id: string; readonly socket: string } {
  const args = process.argv.slice(2);
  if (args[0] === '--version') {
    process.stdout.write('Firecracker v1.13.1\n\nSupported snapshot data format versions: v7.0.0\n');
    process.exit(0);
  }
  if (args[0] === '--snapshot-version') {
    process.stdout.write(`v${faults().snapshotVersion ?? '7.0.0'}\n`);
    process.exit(0);
  }
  let [id, socket] = ['anonymous-instance', '/run/firecracker.socket'];
  for (let index = 0; index < args.length; index += 2) {
    const value = args[index + 1];
    if (args[index] === '--id' && value !== undefined) id = value;
    else if (args[index] === '--api-sock' && value !== undefined) socket = value;
    else {
      process.stderr.write(
        `Arguments parsing error: Found argument '${args[index]}' which wasn't expected\n`,
      );
      process.exit(153);
    }
  }
  if (!/^[a-zA-Z0-9-]{1,64}$/.test(id)) {
    process.stderr.write(`Invalid instance ID: ${id}\n`);
    process.exit(152);
  }
  return { id, socket };
}

const { id, socket } = parseArguments();
log({ event: 'started', id, socket, argv: process.argv.slice(2), cwd: process.cwd(), pid: process.pid });
process.stdout.write(`Running Firecracker v1.13.1 as ${id}\n`);

let state: 'Not started' | 'Running' | 'Paused' = 'Not started';
let isConfigured = false;
let guest: ChildProcess | undefined;
const configuration = new Map<string, Readonly<Record<string, unknown>>>();

/** The reason why a call is refused now; undefined when it is legal. */
function illegal(legal: Legal): string | undefined {
  const isBooted = state !== 'Not started';
  if (legal === 'before boot' && isBooted)
    return 'The requested operation is not supported after starting the microVM.';
  if (legal === 'fresh' && (isBooted || isConfigured))
    return 'Loading a microVM snapshot not allowed after configuring boot-specific resources.';
  if ((legal === 'after boot' || legal === 'paused') && !isBooted)
    return 'The requested operation is not supported before starting the microVM.';
  if (legal === 'paused' && state !== 'Paused') return 'Create snapshot error: the microVM is not paused.';
  return undefined;
}

function textOf(path: string, name: string): string {
  const value = configuration.get(path)?.[name];
  if (typeof value !== 'string') throw new Error(`${path} has no ${name}`);
  return value;
}

function readable(path: string): void {
  if (!existsSync(path)) throw new Error(`No such file or directory (os error 2): ${path}`);
  if (statSync(path).size === 0) throw new Error(`${path} is empty`);
}

/** The machine: shelld as the first process of a namespace that ends with us. */
function powerOn(): void {
  const path = join(mkdtempSync(join(home, 'g-')), 's');
  const shelld = faults().shelld ?? setting.shelld;
  guest = spawn(
    'bwrap',
    [
      ...['--dev-bind', '/', '/', '--proc', '/proc', '--unshare-pid', '--die-with-parent', '--as-pid-1'],
      ...[shelld, 'serve', '--listen', path, '--root', setting.root],
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  guest.on('exit', (code) => {
    log({ event: 'guest ended', code });
    process.exit(0);
  });
  offerVsock(resolve(textOf('/vsock', 'uds_path')), path);
}

function offerVsock(path: string, guestPath: string): void {
  const server = net.createServer((host) => {
    host.on('error', () => undefined);
    let line = '';
    const onData = (data: Buffer): void => {
      line += data.toString('latin1');
      const end = line.indexOf('\n');
      if (end < 0) {
        if (line.length > 32) host.destroy();
        return;
      }
      host.off('data', onData);
      host.pause();
      connectGuest(host, line.slice(0, end), Buffer.from(line.slice(end + 1), 'latin1'), guestPath);
    };
    host.on('data', onData);
  });
  server.on('error', (error) => {
    process.stderr.write(`vsock: ${error.message}\n`);
    process.exit(1);
  });
  server.listen(path);
}

function connectGuest(host: net.Socket, line: string, rest: Buffer, guestPath: string): void {
  const port = /^CONNECT (\d{1,10})$/.exec(line)?.[1];
  const { vsock } = faults();
  log({ event: 'vsock', line });
  if (port !== '1024' || vsock === 'refuse') return void host.destroy();
  if (vsock === 'hang') return;
  if (vsock === 'rubbish') return void host.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  if (vsock === 'half') return void host.end('OK 10');
  const inside = net.connect(guestPath, () => {
    host.write('OK 1073741824\n');
    inside.write(rest);
    host.pipe(inside);
    inside.pipe(host);
  });
  // Nobody listens yet: the host's connection ends.
  inside.on('error', () => host.destroy());
  inside.on('close', () => host.destroy());
  host.on('close', () => inside.destroy());
}

/** All processes of the machine stand still, or go on. */
function signalMachine(signal: 'SIGSTOP' | 'SIGCONT'): void {
  const below = (pid: number): readonly number[] => {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1')
        .trim()
        .split(' ')
        .filter((one) => one !== ''),
    );
    return children.flatMap((child) => [Number(child), ...below(Number(child))]);
  };
  for (const pid of guest?.pid === undefined ? [] : below(guest.pid)) process.kill(pid, signal);
}

function act(method: string, path: string, body: Readonly<Record<string, unknown>>): void {
  if (path === '/actions') {
    if (body['action_type'] !== 'InstanceStart') throw new Error('only InstanceStart is acted out');
    readable(textOf('/boot-source', 'kernel_image_path'));
    if (!configuration.has('/machine-config')) throw new Error('no machine');
    state = 'Running';
    return powerOn();
  }
  if (path === '/vm') {
    state = body['state'] === 'Paused' ? 'Paused' : 'Running';
    return signalMachine(state === 'Paused' ? 'SIGSTOP' : 'SIGCONT');
  }
  if (path === '/snapshot/create') return createSnapshot(body);
  if (path === '/snapshot/load') return loadSnapshot(body);
  if (method !== 'PUT') return;
  for (const name of ['kernel_image_path', 'initrd_path', 'path_on_host'])
    if (typeof body[name] === 'string') readable(body[name]);
  isConfigured = true;
  configuration.set(path, body);
}

function createSnapshot(body: Readonly<Record<string, unknown>>): void {
  const memory = openSync(String(body['mem_file_path']), 'w', 0o600);
  ftruncateSync(memory, Number(configuration.get('/machine-config')?.['mem_size_mib']) * 1024 * 1024);
  closeSync(memory);
  writeFileSync(String(body['snapshot_path']), JSON.stringify([...configuration]));
}

/** A load that fails ends the monitor, once it has said why. */
function loadSnapshot(body: Readonly<Record<string, unknown>>): void {
  try {
    const backend = body['mem_backend'] as { readonly backend_path: string };
    const saved = JSON.parse(readFileSync(String(body['snapshot_path']), 'utf8')) as [
      string,
      Record<string, unknown>,
    ][];
    for (const [path, setting] of saved) configuration.set(path, setting);
    const wanted = Number(configuration.get('/machine-config')?.['mem_size_mib']) * 1024 * 1024;
    if (statSync(backend.backend_path).size !== wanted) throw new Error('the memory file has another size');
    for (const [path, setting] of configuration)
      if (path.startsWith('/drives/')) readable(String(setting['path_on_host']));
    if (body['resume_vm'] !== true) throw new Error('only resume_vm is acted out');
    state = 'Running';
    powerOn();
  } catch (error) {
    setTimeout(() => process.exit(1), 20);
    throw new Error(`Load snapshot error: ${error instanceof Error ? error.message : ''}`);
  }
}

const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => answer(request, response, Buffer.concat(chunks).toString()));
});

function answer(request: IncomingMessage, response: ServerResponse, content: string): void {
  const [method = '', path = ''] = [request.method, request.url];
  const fault = faults();
  if (fault.at === `${method} ${path}` && fault.how !== undefined && misbehaves(response, fault.how)) return;
  const operation = operations.find((one) => one.method === method && one.path.test(path));
  const refuse = (why: string): void => {
    log({ event: 'refused', method, path, why });
    response.writeHead(400, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ fault_message: why }));
  };
  if (operation === undefined) return refuse(`Invalid request method and/or path: ${method} ${path}.`);
  let body: Readonly<Record<string, unknown>> = {};
  if (operation.body !== undefined) {
    const parsed = v.safeParse(operation.body, parsedJson(content));
    if (!parsed.success) return refuse(`The request body does not parse: ${parsed.issues[0].message}`);
    body = parsed.output as Readonly<Record<string, unknown>>;
  } else if (content !== '') return refuse('GET request cannot have a body.');
  const why = illegal(operation.legal);
  if (why !== undefined) return refuse(why);
  try {
    if (method !== 'GET') act(method, path, body);
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  log({ event: 'request', method, path, body });
  if (method !== 'GET') return void response.writeHead(204).end();
  response.writeHead(200, { 'Content-Type': 'application/json' });
  const info = { app_name: 'Firecracker', id, state, vmm_version: '1.13.1' };
  response.end(JSON.stringify(path === '/version' ? { firecracker_version: '1.13.1' } : info));
}

/** True when it has answered, in its way. */
function misbehaves(response: ServerResponse, how: NonNullable<Faults['how']>): boolean {
  switch (how) {
    case 'die':
      process.stdout.write('[    0.1] Kernel panic - not syncing: \u001b[31mtest\n');
      process.kill(process.pid, 'SIGKILL');
      return true;
    case 'rubbish':
      response.socket?.end('\u0000\u0001 this is not HTTP\r\n\r\n');
      return true;
    case 'hang':
      return true;
    case 'refuse':
      response.writeHead(400).end(JSON.stringify({ fault_message: 'no \u001b[31mroom\u001b[0m' }));
      return true;
    case 'no-reason':
      response.writeHead(500).end('{"message":"x"}');
      return true;
    case 'endless':
      response.writeHead(200);
      const more = (): void => {
        while (response.write('x'.repeat(65_536)));
        response.once('drain', more);
      };
      more();
      return true;
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

server.listen(socket);
