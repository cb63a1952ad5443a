import { join } from 'node:path';
import { releaseLock, tryLock, type ByteStream } from '@sovereign/core';
import type { RecyclingStream } from '@sovereign/guest';
import { SovereignError } from '@sovereign/protocol';
import { portPath } from './machine-jail.ts';
import { connectPort } from './port-stream.ts';
import { portCount } from './qemu-arguments.ts';

/** How long one port is waited for before another is tried; a guest that is up greets within a millisecond. */
const greetingMs = 2_000;

let nextPort = 0;

export interface PortsOptions {
  /** Directory of the ports' sockets. */
  readonly portsPath: string;
  /** Directory for locks; out of the monitor's reach. */
  readonly locksPath: string;
  /** How long the guest may take in all. */
  readonly timeoutMs: number;
  /** It has never answered yet: the first port is waited for as long as there is time. */
  readonly isBooting: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Takes a free port of a machine and begins a conversation on it. A port belongs to one process at a time, by a lock that
 * names its owner; it is free again when the stream is closed.
 *
 * @throws SovereignError `guest.exhausted` when all are taken, and what `connectPort` throws
 */
export async function connectFreePort(options: PortsOptions): Promise<ByteStream> {
  const deadline = performance.now() + options.timeoutMs;
  let failure: SovereignError | undefined;
  for (let tries = 0; tries < portCount * 2; tries++) {
    const index = nextPort++ % portCount;
    const lock = join(options.locksPath, `port-${index}.lock`);
    if (!tryLock(lock)) continue;
    const leftMs = deadline - performance.now();
    try {
      const timeoutMs = Math.max(1, Math.min(leftMs, options.isBooting ? leftMs : greetingMs));
      const stream = await connectPort(portPath(options.portsPath, index), {
        timeoutMs,
        ...(options.signal !== undefined && { signal: options.signal }),
      });
      return releasing(stream, lock);
    } catch (error) {
      releaseLock(lock);
      // A port may be slow to notice that its last host has gone: another one serves as well.
      if (!(error instanceof SovereignError) || error.reason !== 'channel.timeout') throw error;
      if (performance.now() > deadline) throw error;
      failure = error;
    }
  }
  throw failure ?? allTaken();
}

/** The stream, whose port is free again once it has ended. */
function releasing(stream: RecyclingStream, lock: string): RecyclingStream {
  let isReleased = false;
  const release = (): void => {
    if (!isReleased) releaseLock(lock);
    isReleased = true;
  };
  return {
    [Symbol.asyncIterator]: () => stream[Symbol.asyncIterator](),
    recycle: (chunk) => {
      stream.recycle(chunk);
    },
    write: (bytes) => stream.write(bytes),
    close: async () => {
      await stream.close();
      release();
    },
  };
}

function allTaken(): SovereignError {
  return new SovereignError({
    reason: 'guest.exhausted',
    message: `All ${portCount} connections of the machine are in use.`,
    hint: 'Close one: each client that is attached holds one.',
  });
}
