import type { ExecRequest, ExitStatus, OutputSink } from '../contract/exec.ts';
import type { GuestChannel } from '../contract/guest-channel.ts';
import { BoundedOutput, type BoundedBytes, type OutputBounds } from '../output/bounded-output.ts';
import type { OutcomeFacts } from './action-path.ts';
import { attend } from './attended-process.ts';
import { ExecResult } from './exec-result.ts';
import type { LiveSandbox } from './live-sandbox.ts';
import { prepareExec, type PreparedExec } from './prepare-exec.ts';
import { throwIfCancelled } from './to-sovereign-error.ts';

export interface RunOptions {
  /** Kills everything the command started; the call then rejects with `operation.cancelled`. */
  readonly signal?: AbortSignal;
  /** What is kept of each stream. Default: 512 KiB of its head and of its tail. */
  readonly output?: OutputBounds;
  /** Sees output as it arrives, besides what is kept. The bytes are valid during the call only; it cannot push back. */
  readonly onOutput?: OutputSink;
}

const noOutput: BoundedBytes = Object.freeze({
  bytes: new Uint8Array(0),
  totalBytes: 0,
  droppedBytes: 0,
  headBytes: 0,
});

/**
 * Runs a command to its end. On an open channel the way there is synchronous: one promise for the guest's answer, one
 * for the caller.
 */
export function runCommand(
  live: LiveSandbox,
  request: ExecRequest,
  options: RunOptions,
): Promise<ExecResult> {
  try {
    throwIfCancelled(options.signal);
    const prepared = prepareExec(live, request);
    const channel = live.channels.current;
    if (channel !== undefined) return runOn(live, channel, prepared, options);
    return live.channels.get().then((opened) => {
      throwIfCancelled(options.signal);
      return runOn(live, opened, prepared, options);
    });
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
}

function runOn(
  live: LiveSandbox,
  channel: GuestChannel,
  prepared: PreparedExec,
  options: RunOptions,
): Promise<ExecResult> {
  const { report } = live;
  const begun = live.actions.begin(prepared.action, report);
  const collector = new Collector(options);
  let exit: Promise<ExitStatus>;
  try {
    const process = channel.exec(prepared.exec, collector.sink);
    const isAttended =
      prepared.source !== undefined || options.signal !== undefined || options.onOutput !== undefined;
    exit = isAttended
      ? attend(process, { source: prepared.source, signal: options.signal, failure: collector.failure })
      : process.exit;
  } catch (error) {
    return Promise.reject(begun.fail(error));
  }
  return exit.then(
    (status) => {
      const result = new ExecResult(status, collector.finish(), report);
      begun.succeed(exitFacts(result));
      return result;
    },
    (error: unknown) => {
      throw begun.fail(error);
    },
  );
}

/** What the ledger keeps of an exit. */
export function exitFacts(status: ExitStatus): OutcomeFacts {
  const { exitCode, signal, cause, stdoutBytes, stderrBytes, wallMs } = status;
  return { exitCode, signal, cause, stdoutBytes, stderrBytes, wallMs };
}

/** Keeps the output of one command; a stream without output costs nothing. */
class Collector {
  readonly sink: OutputSink;
  /** Rejects when the caller's sink throws. */
  readonly failure: Promise<never> | undefined;
  #stdout: BoundedOutput | undefined;
  #stderr: BoundedOutput | undefined;

  constructor({ output, onOutput }: RunOptions) {
    const keep: OutputSink = (stream, data) => {
      if (stream === 'stdout') (this.#stdout ??= new BoundedOutput(output)).push(data);
      else (this.#stderr ??= new BoundedOutput(output)).push(data);
    };
    if (onOutput === undefined) {
      this.sink = keep;
      return;
    }
    let fail: (error: unknown) => void;
    let hasFailed = false;
    this.failure = new Promise((_, reject) => {
      fail = reject;
    });
    // A sink that throws must not break the channel of others: its error ends this command only.
    this.sink = (stream, data) => {
      keep(stream, data);
      if (hasFailed) return;
      try {
        onOutput(stream, data);
      } catch (error) {
        hasFailed = true;
        fail(error);
      }
    };
  }

  finish(): { readonly stdout: BoundedBytes; readonly stderr: BoundedBytes } {
    return { stdout: this.#stdout?.finish() ?? noOutput, stderr: this.#stderr?.finish() ?? noOutput };
  }
}
