import { spawn } from 'node:child_process';
import { SovereignError } from '@sovereign/protocol';
import type { ByteStream } from '@sovereign/core';
import { firstLines, streamOfStdioPair } from '@sovereign/guest';

export interface ExecStreamInit {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const maxComplaintBytes = 4_096;
/** A program whose streams are closed and that has not ended by then is ended. */
const lingerMs = 2_000;

/**
 * The byte stream of a command that runs inside: its stdin and stdout, through a process of ours that ends with it. What it
 * says on stderr never enters the channel, and is the reason when it ends badly.
 *
 * Errors: `channel.closed`, from the reading side.
 */
export function openExecStream({ path, argv, env }: ExecStreamInit): ByteStream {
  // In a session of its own: a Ctrl-C is for whoever speaks over this stream, and not for what carries it. It ends with stdin.
  const child = spawn(path, argv, { env, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  let complaint = '';
  let isClosed = false;
  child.stderr.on('data', (chunk: Buffer) => {
    if (complaint.length < maxComplaintBytes) complaint += chunk.toString('utf8');
  });
  child.stderr.on('error', () => undefined);
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      complaint = error.message;
      resolve(null);
    });
    child.once('close', resolve);
  });
  const pair = streamOfStdioPair({ input: child.stdout, output: child.stdin });
  return {
    write: (bytes) => pair.write(bytes),
    close: async () => {
      isClosed = true;
      await pair.close();
      const timer = setTimeout(() => child.kill('SIGKILL'), lingerMs);
      timer.unref();
      void ended.then(() => clearTimeout(timer));
    },
    async *[Symbol.asyncIterator]() {
      yield* pair;
      const exitCode = await ended;
      if (!isClosed && exitCode !== 0) throw broken(exitCode, complaint);
      return undefined;
    },
  };
}

function broken(exitCode: number | null, complaint: string): SovereignError {
  return new SovereignError({
    reason: 'channel.closed',
    message: `The connection to the guest ended with ${exitCode ?? 'a signal'}: ${firstLines(complaint).slice(0, 300)}.`,
    hint: 'Its shelld may have ended: stop the sandbox, start it again, and see `sovereign doctor`.',
  });
}
