import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '@sovereign/guest';
import { eventually } from '@sovereign/testkit';
import { freePort } from '../support/free-port.ts';

/** Why there is no registry here; undefined when there is one. */
export function registryAbsence(): string | undefined {
  return findProgram('docker-registry') === undefined ? 'docker-registry is not installed' : undefined;
}

/** The reference implementation of the distribution API, on loopback, below a directory of the test. */
export class RealRegistry {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** Its configuration: another registry that is started with it, in another network, serves the same. */
  readonly configPath: string;
  readonly #child: ChildProcess;

  private constructor(host: string, configPath: string, child: ChildProcess) {
    this.host = host;
    this.configPath = configPath;
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
    const configPath = join(directory, 'config.yml');
    await writeFile(configPath, JSON.stringify(config));
    const child = spawn('docker-registry', ['serve', configPath], {
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' },
    });
    const registry = new RealRegistry(host, configPath, child);
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
