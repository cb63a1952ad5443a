import { spawn, type ChildProcess } from 'node:child_process';
import { channelLimits, SovereignError } from '@sovereign/protocol';
import type { GuestChannel } from '@sovereign/core';
import { connectGuestChannel } from '../channel/guest-channel.ts';
import { streamOfStdioPair } from '../transport/stdio-pair.ts';

/** What a short program on the host printed, and how it ended. */
export interface HelperResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const maxOutputBytes = 64 * 1024;

/**
 * A shelld on the host that starts programs for us.
 *
 * Node forks itself for every child, which takes 8 ms once the process holds 500 MB; this helper stays small
 * whatever its parent grows to. It is started at first use, ends with this process, and does not keep it alive.
 */
export class LaunchHelper {
  readonly #shelldPath: string;
  #running: RunningHelper | undefined;
  #inFlight = 0;

  constructor(options: { readonly shelldPath: string }) {
    this.#shelldPath = options.shelldPath;
  }

  /**
   * Runs a program to its end. It is not tracked: what it leaves running outlives the helper.
   *
   * @throws SovereignError `launcher.failed` when the helper itself cannot be started or dies.
   */
  async run(argv: readonly string[], options: { readonly timeoutMs: number }): Promise<HelperResult> {
    const [command, ...args] = argv;
    if (command === undefined) throw new TypeError('argv is empty');
    const helper = (this.#running ??= this.#start());
    const output = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
    let kept = 0;
    if (this.#inFlight++ === 0) helper.setKeepsAlive(true);
    try {
      const started = helper.channel.exec(
        {
          command,
          args,
          cwd: '/',
          env: [`PATH=${process.env['PATH'] ?? '/usr/bin:/bin'}`],
          isUntracked: true,
          timeoutMs: options.timeoutMs,
          ringBytes: channelLimits.minRingBytes,
        },
        (stream, data) => {
          if (kept + data.byteLength > maxOutputBytes) return;
          kept += data.byteLength;
          output[stream].push(data.slice());
        },
      );
      const exit = await started.exit;
      return { exitCode: exit.exitCode, stdout: textOf(output.stdout), stderr: textOf(output.stderr) };
    } catch (error) {
      throw helperFailed(this.#shelldPath, error);
    } finally {
      if (--this.#inFlight === 0) helper.setKeepsAlive(false);
    }
  }

  async close(): Promise<void> {
    const helper = this.#running;
    this.#running = undefined;
    await helper?.channel.close();
  }

  #start(): RunningHelper {
    const child = spawn(this.#shelldPath, ['serve', '--stdio', '--exit-on-disconnect', '--allow-new-privs'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      cwd: '/',
      detached: true,
    });
    // A failure to start ends its pipes, and so the channel, which is where the caller hears of it.
    child.on('error', () => undefined);
    const channel = connectGuestChannel(streamOfStdioPair({ input: child.stdout, output: child.stdin }));
    const helper: RunningHelper = { channel, setKeepsAlive: (keeps) => setKeepsAlive(child, keeps) };
    helper.setKeepsAlive(false);
    void channel.closed.then(() => {
      if (this.#running === helper) this.#running = undefined;
    });
    return helper;
  }
}

interface RunningHelper {
  readonly channel: GuestChannel;
  /** Whether it keeps this process from ending: only while it works. */
  setKeepsAlive(keeps: boolean): void;
}

function setKeepsAlive(child: ChildProcess, keeps: boolean): void {
  for (const handle of [child, child.stdin, child.stdout]) {
    // Pipes of a child are sockets, which can be unreferenced; the types of Node do not say so.
    const method = (handle as { ref?: () => void; unref?: () => void } | null)?.[keeps ? 'ref' : 'unref'];
    method?.call(handle);
  }
}

function textOf(chunks: readonly Uint8Array[]): string {
  return Buffer.concat(chunks).toString('utf8');
}

function helperFailed(shelldPath: string, cause: unknown): SovereignError {
  return new SovereignError({
    reason: 'launcher.failed',
    message: `The launch helper did not answer: ${shelldPath}.`,
    hint: 'Run `npm run build:shelld`, then `sovereign doctor`.',
    context: { path: shelldPath },
    cause,
  });
}
