import { randomBytes } from 'node:crypto';
import { throwIfCancelled } from '@sovereign/core';
import { connectUnixSocket, type RecyclingStream } from '@sovereign/guest';
import { SovereignError } from '@sovereign/protocol';

/** What both sides of a port begin with; ports.h of shelld holds the same bytes. */
const greeting = Buffer.from('SOVEREIGN\r\nPORT\n', 'latin1');
const nonceBytes = 16;
/**
 * What a host says first: no frame begins like this, so a conversation that the guest still takes for alive ends with it.
 * Without it a guest never hears of a host that left and came back while nothing ran inside: after the resume of a
 * snapshot that was taken during a conversation.
 */
const knock = Buffer.alloc(nonceBytes, 0xff);
/** Bytes of an earlier conversation that may come first: what the rings of a port and its socket hold. */
const maxStaleBytes = 4 * 1024 * 1024;

/**
 * Begins a conversation on a virtio-serial port: waits for the guest's greeting, and discards whatever an earlier
 * conversation left under way. The stream that comes back carries the guest channel from its first byte.
 *
 * @throws SovereignError `channel.timeout` when no guest greets, `channel.closed` when the machine ends meanwhile,
 *   `channel.protocol`, `operation.cancelled`
 */
export async function connectPort(
  path: string,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<RecyclingStream> {
  const { timeoutMs, signal } = options;
  throwIfCancelled(signal);
  // The signal ends the beginning and not the conversation: it may be a pool's, which ends before what was claimed of it.
  const stream = await connectUnixSocket(path);
  const late = new AbortController();
  const abandon = (): void => void stream.close();
  const timer = setTimeout(() => {
    late.abort();
    abandon();
  }, timeoutMs);
  signal?.addEventListener('abort', abandon, { once: true });
  try {
    throwIfCancelled(signal);
    const iterator = stream[Symbol.asyncIterator]();
    await stream.write(knock);
    await readThrough(iterator, greeting);
    const answer = Buffer.concat([greeting, randomBytes(nonceBytes)]);
    await stream.write(answer);
    await readThrough(iterator, answer);
    return stream;
  } catch (error) {
    await stream.close();
    throwIfCancelled(signal);
    if (late.signal.aborted) throw noGreeting(path, timeoutMs);
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abandon);
  }
}

/** Reads until the bytes read end with `mark`. A guest sends nothing behind it before it is asked to. */
async function readThrough(iterator: AsyncIterator<Uint8Array>, mark: Buffer): Promise<void> {
  let tail: Uint8Array = Buffer.alloc(0);
  for (let read = 0; read <= maxStaleBytes;) {
    const next = await iterator.next();
    if (next.done === true) throw endedInGreeting();
    read += next.value.byteLength;
    tail = Buffer.concat([tail, next.value]).subarray(-mark.byteLength);
    if (mark.equals(tail)) return;
  }
  throw new SovereignError({
    reason: 'channel.protocol',
    message: `The guest sent ${maxStaleBytes} bytes on a port and no greeting among them.`,
    hint: 'Stop this sandbox: what runs in it is not what we started.',
  });
}

function endedInGreeting(): SovereignError {
  return new SovereignError({
    reason: 'channel.closed',
    message: 'The machine ended before its shelld answered.',
    hint: 'Look at its console: sovereign logs --console',
  });
}

function noGreeting(path: string, timeoutMs: number): SovereignError {
  return new SovereignError({
    reason: 'channel.timeout',
    message: `No shelld greeted on a port of the machine within ${timeoutMs} ms: ${path}.`,
    hint: 'Try again; when it stays so, stop the sandbox.',
    context: { timeoutMs },
  });
}
