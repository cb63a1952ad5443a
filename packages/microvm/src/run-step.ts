import { spawn, type ChildProcess } from 'node:child_process';
import { pipeline } from 'node:stream/promises';
import { SovereignError } from '@sovereign/protocol';

const keptText = 4_000;

export interface StepOptions {
  readonly signal?: AbortSignal;
  /** Called with each piece of what the program prints. */
  readonly onText?: (text: string) => void;
  readonly env?: Readonly<Record<string, string>>;
  /** Its stdin. When that fails the program is killed before it can take the end for a whole. Default: none. */
  readonly input?: AsyncIterable<Uint8Array>;
}

/**
 * Runs one program of the pipeline to its end.
 *
 * @throws SovereignError `microvm.build-failed` with the last of what it printed, `operation.cancelled`; what its input threw
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
  const fed = options.input === undefined ? undefined : feed(options.input, child);
  const code = await ended.catch((error: unknown) => {
    if (options.signal?.aborted === true) throw stepCancelled(program);
    throw stepFailed(program, error instanceof Error ? error.message : String(error));
  });
  const broken = await fed;
  if (broken !== undefined) throw broken.error;
  if (code !== 0) throw stepFailed(program, `exit code ${code}: ${said.trim().slice(-1_000)}`);
}

/** What the source threw, if it did. A program that has had enough of its input says why when it ends. */
async function feed(
  source: AsyncIterable<Uint8Array>,
  child: ChildProcess,
): Promise<{ readonly error: unknown } | undefined> {
  let broken: { readonly error: unknown } | undefined;
  const watched = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (error) {
      broken = { error };
      child.kill('SIGKILL');
      throw error;
    }
  };
  if (child.stdin !== null) await pipeline(watched, child.stdin).catch(() => undefined);
  return broken;
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
