import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DockerOptions } from '@sovereign/backends';

const client = fileURLToPath(new URL('./create-client.ts', import.meta.url));

/** Runs `create` in a process of its own and kills that after so long. */
export async function killedCreate(
  options: Omit<DockerOptions, 'shelldPath'>,
  afterMs: number,
): Promise<void> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--conditions=@sovereign/source', client, JSON.stringify(options)],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
  setTimeout(() => child.kill('SIGKILL'), afterMs);
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
}
