import { execFileSync } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Puts a program of ours that acts out one of somebody else into a file that runs by itself. */
export async function buildActedProgram(entry: URL, path: string): Promise<void> {
  execFileSync(fileURLToPath(new URL('../../node_modules/.bin/esbuild', import.meta.url)), [
    fileURLToPath(entry),
    ...['--bundle', '--platform=node', '--format=cjs', '--log-level=error'],
    `--banner:js=#!${process.execPath}`,
    `--outfile=${path}`,
  ]);
  await chmod(path, 0o755);
}
