import { createServer, type Server, type Socket } from 'node:net';
import { createReadStream, createWriteStream, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import { checkSocketPath } from '@sovereign/guest';
import { SovereignError } from '@sovereign/protocol';
import type { QmpClient } from './qmp-client.ts';

/** Far above the tens of milliseconds that it takes, for a host that swaps. */
const migrationTimeoutMs = 60_000;

const statusSchema = v.object({
  status: v.exactOptional(v.string()),
  'error-desc': v.exactOptional(v.string()),
});

/** How a migration that is over has ended. */
const ends: readonly (string | undefined)[] = ['completed', 'failed', 'cancelled'];

/** What both sides of a migration are told first. Memory that is a shared file is left out of the state: it is there already. */
export async function prepareMigration(qmp: QmpClient, leavesMemoryOut: boolean): Promise<void> {
  await Promise.all([
    qmp.execute('migrate-set-capabilities', {
      capabilities: [
        { capability: 'x-ignore-shared', state: leavesMemoryOut },
        { capability: 'events', state: true },
      ],
    }),
    // Nothing else wants the bandwidth while the machine stands still.
    qmp.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 }),
  ]);
}

export interface StateSaving {
  /** Writes the devices of the machine, which stands still. */
  save(): Promise<void>;
  close(): void;
}

/**
 * Gets ready to write a stopped machine's devices to a file (and its memory, unless that is shared and so left out). The
 * monitor may start no program and open nothing outside its jail, so it connects to a socket of ours.
 */
export async function openStateSaving(
  qmp: QmpClient,
  options: { readonly socketPath: string; readonly jailedSocketPath: string; readonly file: string },
): Promise<StateSaving> {
  checkSocketPath(options.socketPath);
  rmSync(options.socketPath, { force: true });
  const { server, received } = await receive(options.socketPath, options.file);
  return {
    async save() {
      await carriedOver(qmp, () => qmp.execute('migrate', { uri: `unix:${options.jailedSocketPath}` }));
      await received;
    },
    close() {
      server.close();
      rmSync(options.socketPath, { force: true });
    },
  };
}

/** Feeds a saved state to a monitor that was started with `-incoming defer`. */
export async function loadState(
  qmp: QmpClient,
  options: { readonly socketPath: string; readonly jailedSocketPath: string; readonly file: string },
): Promise<void> {
  checkSocketPath(options.socketPath);
  await carriedOver(qmp, async () => {
    await qmp.execute('migrate-incoming', { uri: `unix:${options.jailedSocketPath}` });
    const socket = connect(options.socketPath);
    // What goes wrong with the state shows in the status of the migration, and says more than a broken pipe.
    await pipeline(createReadStream(options.file, { highWaterMark: 1024 * 1024 }), socket).catch(
      () => undefined,
    );
  });
}

async function receive(
  path: string,
  file: string,
): Promise<{ readonly server: Server; readonly received: Promise<void> }> {
  const server = createServer({ allowHalfOpen: true });
  const received = new Promise<Socket>((resolve, reject) => {
    server.once('connection', resolve);
    server.once('error', reject);
  }).then((socket) => pipeline(socket, createWriteStream(file, { mode: 0o600 })));
  received.catch(() => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return { server, received };
}

/** Resolves when the migration that `begin` begins has ended well, by QEMU's own word for it. */
async function carriedOver(qmp: QmpClient, begin: () => Promise<unknown>): Promise<void> {
  const over = qmp.event(({ event, data }) => {
    const parsed = v.safeParse(statusSchema, data);
    return event === 'MIGRATION' && parsed.success && ends.includes(parsed.output.status);
  }, migrationTimeoutMs);
  const [ended] = await Promise.all([over, begin()]);
  if (v.parse(statusSchema, ended.data).status === 'completed') return;
  const found = v.parse(statusSchema, await qmp.execute('query-migrate'));
  throw new SovereignError({
    reason: 'internal',
    message: `The state of the machine could not be carried over: ${found['error-desc'] ?? found.status ?? 'no answer'}.`,
    hint: 'Run `sovereign doctor`, and report this with its output.',
  });
}
