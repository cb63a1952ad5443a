import { SovereignError } from '@sovereign/protocol';
import { cancelled, channelClosed } from '../channel/channel-errors.ts';
import { printable } from '../channel/printable.ts';
import type { RecyclingStream } from '../channel/connection.ts';
import { connectUnixSocket } from './unix-socket.ts';

export interface VsockOptions {
  /** The unix socket in which a machine monitor offers its guest's vsock ports. */
  readonly path: string;
  /** Port that the guest listens on. */
  readonly port: number;
  readonly signal?: AbortSignal;
  /** How long the monitor may take to answer. Default 5,000: a guest that listens accepts in a millisecond. */
  readonly timeoutMs?: number;
}

/** What a stream yields. */
type Chunks = AsyncIterator<Uint8Array, undefined>;

/** `OK ` and the largest port, 4294967295, with its line feed. */
const maxAnswerBytes = 14;

/**
 * Connects to a vsock port of a guest through its monitor, as Firecracker and Cloud Hypervisor offer it: `CONNECT <port>\n`
 * is answered with `OK <port>\n`, after which the connection is the guest's.
 *
 * @throws SovereignError `channel.closed` when nobody listens there (the monitor hangs up), `channel.protocol` when the
 *   answer is anything else, `channel.timeout`, `operation.cancelled`, `socket.path-too-long`
 */
export async function connectVsock(options: VsockOptions): Promise<RecyclingStream> {
  const { path, port, signal, timeoutMs = 5_000 } = options;
  const stream = await connectUnixSocket(path, signal === undefined ? {} : { signal });
  let failure: SovereignError | undefined;
  const giveUp = (why: SovereignError): void => {
    failure ??= why;
    void stream.close();
  };
  const timer = setTimeout(() => giveUp(timedOut(options, timeoutMs)), timeoutMs);
  const onAbort = (): void => giveUp(cancelled(`Connecting to vsock port ${port}`));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    void stream.write(Buffer.from(`CONNECT ${port}\n`));
    const source = stream[Symbol.asyncIterator]() as Chunks;
    const rest = await readAnswer(source, options);
    if (failure !== undefined) throw failure;
    return rest.byteLength === 0 ? continued(stream, source) : continued(stream, prefixed(rest, source));
  } catch (error) {
    await stream.close();
    throw failure ?? error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/**
 * Reads the answer, and returns what came after it.
 *
 * SAFETY: what is read here is bounded by the longest answer there is, whatever the monitor sends
 * (vsock-handshake.test.ts).
 */
async function readAnswer(source: Chunks, options: VsockOptions): Promise<Uint8Array> {
  let answer = Buffer.alloc(0);
  for (;;) {
    const { done, value } = await source.next();
    if (done === true) throw nobodyListens(options, answer);
    const end = value.indexOf(0x0a);
    const line = end < 0 ? value : value.subarray(0, end + 1);
    if (answer.byteLength + line.byteLength > maxAnswerBytes)
      throw noAnswer(options, Buffer.concat([answer, line]));
    answer = Buffer.concat([answer, line]);
    if (end < 0) continue;
    if (!/^OK (?:0|[1-9][0-9]{0,9})\n$/.test(answer.toString('latin1'))) throw noAnswer(options, answer);
    return value.subarray(end + 1);
  }
}

/** The same stream, whose iteration goes on from here. */
function continued(stream: RecyclingStream, source: Chunks): RecyclingStream {
  return {
    write: (bytes) => stream.write(bytes),
    close: () => stream.close(),
    recycle: (chunk) => stream.recycle(chunk),
    [Symbol.asyncIterator]: () => source,
  };
}

function prefixed(first: Uint8Array, source: Chunks): Chunks {
  let waiting: Uint8Array | undefined = first;
  return {
    next: () => {
      const value = waiting;
      waiting = undefined;
      return value === undefined ? source.next() : Promise.resolve({ done: false, value });
    },
    return: () => source.return?.() ?? Promise.resolve({ done: true, value: undefined }),
  };
}

function nobodyListens({ port }: VsockOptions, answer: Buffer): SovereignError {
  const said = answer.byteLength === 0 ? '' : ` after ${answer.byteLength} bytes of an answer`;
  return channelClosed(`the monitor hung up${said}: nobody listens on vsock port ${port} of the guest`);
}

function noAnswer({ port }: VsockOptions, answer: Buffer): SovereignError {
  return new SovereignError({
    reason: 'channel.protocol',
    message: `Vsock port ${port}: ${printable(answer.toString('latin1').slice(0, 32))} (expected OK and a port).`,
    hint: 'Is that the vsock socket of a microVM?',
    context: { port },
  });
}

function timedOut({ port }: VsockOptions, timeoutMs: number): SovereignError {
  return new SovereignError({
    reason: 'channel.timeout',
    message: `Vsock port ${port}: no answer within ${timeoutMs} ms.`,
    hint: 'The guest hangs, or its monitor does. Look at its console.',
    context: { port },
  });
}
