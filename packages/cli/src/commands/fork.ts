import type { Sovereign } from '@sovereign/sdk';
import { argument, type CommandContext } from '../command-context.ts';
import { UsageError } from '../errors/usage-error.ts';
import { findRecord } from '../sandbox/find-record.ts';
import { lifetimeOptions } from '../sandbox/lifetime-options.ts';
import { parseCount } from '../values/parse-number.ts';
import { parseEnv } from '../values/parse-pairs.ts';

/**
 * `sovereign fork`: of one that runs, copies that run, memory and processes included; of one that is stopped or paused, a sandbox with
 * its files. They stay, an id a line. JSON: `{"sandboxes":["sbx_…"]}`.
 */
export async function run(context: CommandContext): Promise<number> {
  const client = await context.client();
  const record = await findRecord(client, argument(context, 0));
  const forking = record.state === 'running' ? forkRunning(context, client) : forkFiles(context, client);
  const sandboxes = await context.progress.during('Forking', forking);
  if (context.isJson) await context.output.json({ sandboxes });
  else await context.output.text(sandboxes.map((id) => `${id}\n`).join(''));
  return 0;
}

async function forkRunning(context: CommandContext, client: Sovereign): Promise<readonly string[]> {
  const { options } = context;
  const other = ['name', 'env', 'strategy', 'scope', 'idle', 'max-age', 'on-expiry'].find((name) =>
    options.has(name),
  );
  if (other !== undefined)
    throw new UsageError(
      `--${other} does not go with a sandbox that runs: its copies are what it is.`,
      'Leave it out, or stop the sandbox first.',
    );
  const sandbox = await client.connect(argument(context, 0));
  const forks = await sandbox.fork(options.read('count', parseCount) ?? 1);
  return forks.map(({ id }) => id);
}

async function forkFiles(context: CommandContext, client: Sovereign): Promise<readonly string[]> {
  const { options, env } = context;
  const name = options.text('name');
  const count = options.read('count', parseCount) ?? 1;
  if (count > 1 && name !== undefined)
    throw new UsageError('--name does not go with --count: a name is given once.', 'Leave one of them out.');
  const made: string[] = [];
  for (let index = 0; index < count; index++) {
    const { id } = await client.containers.lifecycle.fork(argument(context, 0), {
      ...(name !== undefined && { name }),
      ...(options.has('env') && { env: parseEnv(options.texts('env'), env) }),
      ...lifetimeOptions(options),
    });
    made.push(id);
  }
  return made;
}
