import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Engine } from './engine.ts';
import { wire } from './wire-program.ts';

const run = promisify(execFile);

/** Two containers on Docker's own bridge: one serves, the other asks. */
export interface DockerPair {
  /** Runs the program in the asking container, against the serving one. Returns what it printed. */
  ask(mode: 'send' | 'turn', count: number): Promise<number>;
  remove(): Promise<void>;
}

const port = '5432';

/** `program` is the path of the wire program on this host. */
export async function startDockerPair({ commandLine, image }: Engine, program: string): Promise<DockerPair> {
  const [docker, ...before] = commandLine;
  const call = async (...args: readonly string[]): Promise<string> =>
    (await run(docker, [...before, ...args])).stdout.trim();
  const mount = ['-v', `${program}:/${wire}:ro`];
  const server = await call('run', '-d', ...mount, image, `/${wire}`, 'serve', port);
  const client = await call('run', '-d', ...mount, image, '/bin/sleep', '1000000');
  const address = await call('inspect', '-f', '{{.NetworkSettings.IPAddress}}', server);
  return {
    ask: async (mode, count) =>
      Number(await call('exec', client, `/${wire}`, mode, address, port, String(count))),
    remove: async () => {
      await call('rm', '-f', server, client);
    },
  };
}
