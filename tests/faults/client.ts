/**
 * A client in a process of its own, to be killed, stopped and raced. It is told what to do by its arguments, says what it
 * has done in lines of JSON on stdout, and takes lines on stdin as the word to go on.
 */
import { createInterface } from 'node:readline';
import { createProcessBackend } from '@sovereign/backends';
import type { Backend } from '@sovereign/core';
import { Sovereign, SovereignError, type CreateOptions, type Sandbox } from '@sovereign/sdk';

const [operation = '', ...rest] = process.argv.slice(2);
const options = JSON.parse(rest[0] ?? '{}') as CreateOptions & {
  readonly count?: number;
  readonly target?: string;
  readonly isBare?: boolean;
};
const { count = 1, target = '', isBare = false, ...create } = options;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const home = process.env['SOVEREIGN_HOME'] ?? '';
// As the engine puts it together, but without bubblewrap where a test asks for that.
const bare = (): readonly Backend[] => {
  const directories = { stateDirectory: `${home}/state`, runtimeDirectory: `${home}/run` };
  return [
    createProcessBackend({
      ...directories,
      shelldPath: process.env['SOVEREIGN_SHELLD'] ?? '',
      bubblewrapPath: null,
    }),
  ];
};
const client = await Sovereign.open({ via: 'fault-test', ...(isBare && { backends: bare() }) });

function say(event: string, facts: Readonly<Record<string, unknown>> = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...facts })}\n`);
}

/** Says that it is ready, and goes on when it is told to. */
async function whenTold(): Promise<void> {
  say('ready');
  await lines.next();
}

async function outcome(act: () => Promise<Readonly<Record<string, unknown>>>): Promise<void> {
  try {
    say('done', await act());
  } catch (error) {
    const { reason, message, hint } = error as SovereignError;
    say('failed', { reason: error instanceof SovereignError ? reason : 'raw', message, hint });
  }
}

const operations: Readonly<Record<string, () => Promise<void>>> = {
  /** Creates sandboxes with a process in each, and holds them until it is killed. */
  async hold() {
    const made: { readonly id: string; readonly process: number }[] = [];
    const kept: Sandbox[] = [];
    for (let index = 0; index < count; index++) {
      const sandbox = await client.create(create);
      kept.push(sandbox);
      const script = 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done';
      const started = await sandbox.spawn({ command: 'sh', args: ['-c', script], isDetached: true });
      made.push({ id: sandbox.id, process: started.process });
    }
    say('holding', { made });
    await lines.next();
  },
  /** Creates and removes as long as it lives. */
  async churn() {
    await whenTold();
    for (;;) {
      const sandbox = await client.create(create);
      say('created', { id: sandbox.id });
      await sandbox.remove();
      say('removed', { id: sandbox.id });
    }
  },
  /** Creates one when it is told to. */
  async create() {
    await whenTold();
    await outcome(async () => {
      const { id, runtime } = await client.create(create);
      return { id, tier: runtime.type };
    });
  },
  async remove() {
    await whenTold();
    await outcome(async () => {
      await client.remove(target);
      return {};
    });
  },
  /** Finds a sandbox that is not running, and starts it when it is told to. */
  async start() {
    const sandbox = await client.connect(target);
    await whenTold();
    await outcome(async () => {
      await sandbox.start();
      return {};
    });
  },
  /** Keeps a pool full, claims one of it, and waits to be killed. */
  async pool() {
    const pool = await client.pool({ tier: 'quilt', ...create, size: count });
    const claimed = await pool.claim({ name: 'claimed' });
    await pool.whenFull();
    say('pooled', { claimed: claimed.id });
    await lines.next();
  },
  /** Resumes a snapshot when it is told to. */
  async resume() {
    await whenTold();
    await outcome(async () => {
      const sandbox = await client.resume(target);
      const { stdoutText } = await sandbox.commands.run('echo answers');
      return { id: sandbox.id, stdoutText };
    });
  },
  /** Takes snapshots of a sandbox for as long as it lives. */
  async snapshot() {
    const sandbox = await client.connect(target);
    await whenTold();
    for (;;) await client.removeSnapshot((await sandbox.snapshot()).id);
  },
  /** Finds a sandbox, pauses it, and waits to be killed. */
  async pause() {
    const sandbox = await client.connect(target);
    await sandbox.pause();
    say('paused');
    await lines.next();
  },
};

await operations[operation]?.();
await client.close();
process.exit(0);
