import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { findProgram } from '@sovereign/guest';
import { eventually } from '@sovereign/testkit';

/** Why there is no registry here; undefined when there is one. */
export function registryAbsence(): string | undefined {
  return findProgram('docker-registry') === undefined ? 'docker-registry is not installed' : undefined;
}

/** The reference implementation of the distribution API, on loopback, below a directory of the test. */
export class RealRegistry {
  readonly host: string;
  readonly #child: ChildProcess;

  private constructor(host: string, child: ChildProcess) {
    this.host = host;
    this.#child = child;
  }

  /** @param passwords `htpasswd` lines (bcrypt); with them everything asks for credentials. */
  static async start(directory: string, passwords?: string): Promise<RealRegistry> {
    const host = `127.0.0.1:${await freePort()}`;
    await mkdir(directory, { recursive: true });
    const file = join(directory, 'htpasswd');
    if (passwords !== undefined) await writeFile(file, passwords);
    const config = {
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(directory, 'data') } },
      http: { addr: host },
      ...(passwords !== undefined && { auth: { htpasswd: { realm: 'test', path: file } } }),
    };
    // YAML is a superset of JSON.
    await writeFile(join(directory, 'config.yml'), JSON.stringify(config));
    const child = spawn('docker-registry', ['serve', join(directory, 'config.yml')], {
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' },
    });
    const registry = new RealRegistry(host, child);
    await eventually(
      'the registry answers',
      async () => (await fetch(`http://${host}/v2/`).catch(() => undefined)) !== undefined,
    );
    return registry;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
