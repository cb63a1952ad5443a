import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { SovereignError } from '@sovereign/protocol';

const keptText = 4_000;

export interface StepOptions {
  readonly signal?: AbortSignal;
  /** Called with each piece of what the program prints. */
  readonly onText?: (text: string) => void;
  readonly env?: Readonly<Record<string, string>>;
  /** File for its stdin, unpacked when it is gzip. Default: none. */
  readonly input?: { readonly path: string; readonly isGzip: boolean };
}

/**
 * Runs one program of the pipeline to its end.
 *
 * @throws SovereignError `microvm.build-failed` with the last of what it printed, `operation.cancelled`
 */
export async function runStep(argv: readonly string[], options: StepOptions = {}): Promise<void> {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...options.env },
    ...(options.signal !== undefined && { signal: options.signal }),
  });
  let said = '';
  const listen = (chunk: Buffer): void => {
    const text = chunk.toString('utf8');
    said = (said + text).slice(-keptText);
    options.onText?.(text);
  };
  child.stdout?.on('data', listen);
  child.stderr?.on('data', listen);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // A program that has had enough of its input says why when it ends.
  const fed =
    options.input === undefined ? undefined : feed(options.input, child.stdin).catch(() => undefined);
  const code = await ended.catch((error: unknown) => {
    if (options.signal?.aborted === true) throw stepCancelled(program);
    throw stepFailed(program, error instanceof Error ? error.message : String(error));
  });
  await fed;
  if (code !== 0) throw stepFailed(program, `exit code ${code}: ${said.trim().slice(-1_000)}`);
}

async function feed(
  input: { readonly path: string; readonly isGzip: boolean },
  stdin: NodeJS.WritableStream | null,
): Promise<void> {
  if (stdin === null) return;
  const source = createReadStream(input.path, { highWaterMark: 1024 * 1024 });
  await (input.isGzip ? pipeline(source, createGunzip(), stdin) : pipeline(source, stdin));
}

function stepCancelled(program: string): SovereignError {
  return new SovereignError({
    reason: 'operation.cancelled',
    message: `Building was cancelled while ${program} ran.`,
    hint: 'Call again if it is still wanted; what was finished is kept.',
  });
}

function stepFailed(program: string, problem: string): SovereignError {
  return new SovereignError({
    reason: 'microvm.build-failed',
    message: `${program} failed: ${problem}`,
    hint: 'Is it installed? On Debian: apt-get install squashfs-tools e2fsprogs linux-source-6.1 bc bison flex libelf-dev',
    context: { program },
  });
}
