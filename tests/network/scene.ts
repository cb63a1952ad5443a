import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine, type EngineOptions } from '@sovereign/engine';
import type { EgressDecision, SandboxHandle, SovereignRuntime } from '@sovereign/core';
import { expectNothingLeft, leakSnapshot } from '@sovereign/testkit';
import { probeTiers, type TestTier } from '../support/tiers.ts';

/** An engine of its own, with everything that a test made on the host; afterwards nothing is left. */
export interface Scene {
  readonly runtime: SovereignRuntime;
  /** Directory for all state. */
  readonly home: string;
  /** Where the ledger is. */
  readonly ledgerDir: string;
  readonly decisions: readonly EgressDecision[];
  create(tier: TestTier['name'], options?: Parameters<SovereignRuntime['create']>[0]): Promise<SandboxHandle>;
  /** What to do at the end, last first. */
  onEnd(action: () => Promise<void> | void): void;
}

export async function inScene(
  body: (scene: Scene) => Promise<void>,
  network: EngineOptions['network'] = {},
): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'svn-'));
  const ends: (() => Promise<void> | void)[] = [];
  const scope = { marks: () => [home] };
  const before = await leakSnapshot(scope);
  const engine = openEngine({ home, network });
  const decisions: EgressDecision[] = [];
  engine.runtime.network.onDecision((decision) => decisions.push(decision));
  try {
    await body({
      runtime: engine.runtime,
      home,
      ledgerDir: engine.paths.ledgerDir,
      decisions,
      onEnd: (action) => ends.push(action),
      create: async (tier, options = {}) => {
        const handle = await engine.runtime.create({
          tier: tier === 'quilt' ? 'quilt' : 'process',
          ...options,
        });
        ends.push(() => handle.remove().catch(() => undefined));
        return handle;
      },
    });
  } finally {
    for (const end of ends.reverse()) await end();
    await engine.runtime.close();
    await expectNothingLeft(before, scope);
    await rm(home, { recursive: true, force: true });
  }
}

/** Tiers that can be here, for tests that combine them. */
export const tiers: readonly TestTier['name'][] = (await probeTiers(['process', 'quilt']))
  .filter(({ absence }) => !absence.isMissing)
  .map(({ tier }) => tier.name);

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function run(sandbox: SandboxHandle, command: string, ...args: string[]): Promise<Ran> {
  const result = await sandbox.exec({ command, args, timeoutMs: 30_000 });
  return {
    code: result.exitCode,
    out: Buffer.from(result.stdout).toString(),
    err: Buffer.from(result.stderr).toString(),
  };
}

/** Runs a program of Python inside. */
export function python(sandbox: SandboxHandle, program: string): Promise<Ran> {
  return run(sandbox, '/usr/bin/python3', '-c', program);
}

/**
 * Starts a small database inside: it keeps what `SET key value` says and answers `GET key`, one line each. Returns when it
 * listens.
 */
export async function startDatabase(sandbox: SandboxHandle, port: number): Promise<void> {
  const program = `
import socketserver
store = {}
class Session(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            verb, key, *rest = line.decode().split()
            if verb == "SET":
                store[key] = rest[0]
            self.wfile.write((store.get(key, "-") + "\\n").encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
with Server(("127.0.0.1", ${port}), Session) as server:
    print("listening", flush=True)
    server.serve_forever()
`;
  const process = await sandbox.spawn({ command: '/usr/bin/python3', args: ['-c', program] });
  for await (const { data } of process) if (Buffer.from(data).includes('listening')) break;
}

/** A program inside that talks to the database, line by line. */
export function talk(host: string, port: number, ...lines: readonly string[]): string {
  return `
import socket
with socket.create_connection((${JSON.stringify(host)}, ${port}), timeout=10) as peer:
    peer.sendall(${JSON.stringify(lines.map((line) => `${line}\n`).join(''))}.encode())
    peer.shutdown(socket.SHUT_WR)
    while part := peer.recv(4096):
        print(part.decode(), end="")
`;
}

/** A server on loopback of the host that says what it was asked. */
export async function startOrigin(scene: Scene): Promise<{ readonly port: number; readonly seen: string[] }> {
  const seen: string[] = [];
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      seen.push(`${request.method ?? ''} ${request.headers.host ?? ''}${request.url ?? ''}`);
      response.end(`origin ${Buffer.concat(parts).toString()}`);
    });
  });
  return { port: await listen(scene, server), seen };
}

/** Listens on loopback until the end of the scene. */
export async function listen(scene: Scene, server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scene.onEnd(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
