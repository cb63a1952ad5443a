import type { TierReport } from '@sovereign/protocol';
import type { ExitStatus } from '../contract/exec.ts';
import type { BoundedBytes } from '../output/bounded-output.ts';
import { outputText } from '../output/output-text.ts';

/** How a command ended, what is kept of its output, and where it ran. */
export class ExecResult implements ExitStatus {
  readonly exitCode: number;
  readonly signal: ExitStatus['signal'];
  readonly cause: ExitStatus['cause'];
  /** Bytes that the command wrote. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly wallMs: number;
  readonly userMs: number;
  readonly systemMs: number;
  readonly maxRssKib: number;
  /** What is kept of stdout: all of it, or head and tail. */
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Bytes written that are not in `stdout`. */
  readonly stdoutDropped: number;
  readonly stderrDropped: number;
  readonly runtime: TierReport;
  readonly #stdout: BoundedBytes;
  readonly #stderr: BoundedBytes;

  constructor(
    status: ExitStatus,
    output: { readonly stdout: BoundedBytes; readonly stderr: BoundedBytes },
    runtime: TierReport,
  ) {
    this.exitCode = status.exitCode;
    this.signal = status.signal;
    this.cause = status.cause;
    this.wallMs = status.wallMs;
    this.userMs = status.userMs;
    this.systemMs = status.systemMs;
    this.maxRssKib = status.maxRssKib;
    this.stdout = output.stdout.bytes;
    this.stderr = output.stderr.bytes;
    // SAFETY: the guest's count is a claim; what arrived is not. Held by sandbox-handle.test.ts.
    this.stdoutBytes = Math.max(status.stdoutBytes, output.stdout.totalBytes);
    this.stderrBytes = Math.max(status.stderrBytes, output.stderr.totalBytes);
    this.stdoutDropped = this.stdoutBytes - this.stdout.length;
    this.stderrDropped = this.stderrBytes - this.stderr.length;
    this.runtime = runtime;
    this.#stdout = output.stdout;
    this.#stderr = output.stderr;
  }

  /** stdout as UTF-8, with a marker where bytes were dropped. Decoded when asked for. */
  get stdoutText(): string {
    return outputText(this.#stdout);
  }

  get stderrText(): string {
    return outputText(this.#stderr);
  }
}
