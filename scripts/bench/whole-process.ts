import { spawnSync } from 'node:child_process';
import process from 'node:process';

/**
 * Milliseconds from starting a program to its end.
 *
 * @throws Error unless it exits with 0.
 */
export async function timeProcess(
  argv: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const [command, ...args] = argv;
  const environment: NodeJS.ProcessEnv = { ...process.env, ...env };
  // It makes every Node read certificates at its start, which is none of what is measured.
  delete environment['NODE_EXTRA_CA_CERTS'];
  delete environment['NODE_OPTIONS'];
  const startedAt = performance.now();
  const { status, stderr, error } = spawnSync(command, args, {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ms = performance.now() - startedAt;
  if (status === 0) return ms;
  throw new Error(`${argv.join(' ')}: ${error?.message ?? stderr.toString('utf8').trim().slice(0, 200)}`);
}
