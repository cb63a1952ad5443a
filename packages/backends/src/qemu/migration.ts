import { createServer, type Server, type Socket } from 'node:net';
import { createReadStream, createWriteStream, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { checkSocketPath } from '@sovereign/guest';
import { SovereignError } from '@sovereign/protocol';
import type { QmpClient } from './qmp-client.ts';

/** Far above the tens of milliseconds that it takes, for a host that swaps. */
const migrationTimeoutMs = 60_000;
const pollMs = 1;

const statusSchema = v.object({
  status: v.exactOptional(v.string()),
  'error-desc': v.exactOptional(v.string()),
});

/**
 * Writes a stopped machine's devices to a file (and its memory, unless that is shared and so left out). The monitor may
 * start no program and open nothing outside its jail, so it connects to a socket of ours.
 */
export async function saveState(
  qmp: QmpClient,
  options: { readonly socketPath: string; readonly jailedSocketPath: string; readonly file: string },
): Promise<void> {
  checkSocketPath(options.socketPath);
  rmSync(options.socketPath, { force: true });
  const { server, received } = await receive(options.socketPath, options.file);
  try {
    await qmp.execute('migrate', { uri: `unix:${options.jailedSocketPath}` });
    await completed(qmp);
    await received;
  } finally {
    server.close();
    rmSync(options.socketPath, { force: true });
  }
}

/** Feeds a saved state to a monitor that was started with `-incoming defer`. */
export async function loadState(
  qmp: QmpClient,
  options: { readonly socketPath: string; readonly jailedSocketPath: string; readonly file: string },
): Promise<void> {
  checkSocketPath(options.socketPath);
  await qmp.execute('migrate-incoming', { uri: `unix:${options.jailedSocketPath}` });
  const socket = connect(options.socketPath);
  // What goes wrong with the state shows in the status of the migration, and says more than a broken pipe.
  await pipeline(createReadStream(options.file, { highWaterMark: 1024 * 1024 }), socket).catch(
    () => undefined,
  );
  await completed(qmp);
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

async function completed(qmp: QmpClient): Promise<void> {
  const deadline = performance.now() + migrationTimeoutMs;
  for (;;) {
    const found = v.parse(statusSchema, await qmp.execute('query-migrate'));
    if (found.status === 'completed') return;
    if (found.status === 'failed' || found.status === 'cancelled' || performance.now() > deadline) {
      throw new SovereignError({
        reason: 'internal',
        message: `The state of the machine could not be carried over: ${found['error-desc'] ?? found.status ?? 'no answer'}.`,
        hint: 'Run `sovereign doctor`, and report this with its output.',
      });
    }
    await delay(pollMs);
  }
}
