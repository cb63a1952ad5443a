import type { Layer } from '@sovereign/protocol';
import type { ExecRequest, GuestProcess, OutputSink, ProcessInfo, TerminalSize } from './exec.ts';
import type { GuestFiles } from './files.ts';
import type { GuestTunnels } from './tunnels.ts';

/** What shelld says of itself when the channel opens. Claims of a guest: shown and checked, never trusted. */
export interface GuestWelcome {
  readonly generation: number;
  readonly pid: number;
  readonly instance: string;
  readonly version: string;
  readonly roots: readonly string[];
  readonly layers: readonly Layer[];
}

/** An exec with everything resolved: absolute cwd, whole environment. */
export interface ResolvedExec extends Omit<ExecRequest, 'env' | 'cwd' | 'stdin'> {
  readonly cwd: string;
  readonly env: readonly string[];
  /** Bytes known at the start; sent with the request. */
  readonly stdin?: Uint8Array;
  /** stdin stays open for `write`. Default false. */
  readonly openStdin?: boolean;
  /** Nobody follows the output from the start. Default false. */
  readonly isDetached?: boolean;
  /** Starts something that is to outlive shelld: not tracked, not killed at shutdown. Default false. */
  readonly isUntracked?: boolean;
}

/**
 * The conversation with one guest, over one byte stream.
 *
 * When the stream breaks, every call in flight fails with `channel.closed`, or `channel.protocol` when the guest broke
 * the rules; `closed` resolves with that error, or undefined after `close()`.
 */
export interface GuestChannel {
  /** Resolves when the guest has answered hello. Calls may be made before. */
  readonly welcome: Promise<GuestWelcome>;
  readonly closed: Promise<Error | undefined>;
  /** Round trip through shelld's event loop; milliseconds. */
  ping(signal?: AbortSignal): Promise<number>;
  /** With a sink, output goes there as it arrives and iterating yields nothing: the short way for callers that never push back. */
  exec(exec: ResolvedExec, sink?: OutputSink): GuestProcess;
  attach(
    process: number,
    cursors: { readonly stdout: number; readonly stderr: number },
    sink?: OutputSink,
  ): GuestProcess;
  processes(): Promise<readonly ProcessInfo[]>;
  signalProcess(process: number, signal: number, scope: 'child' | 'group' | 'tree'): Promise<void>;
  resizeProcess(process: number, size: TerminalSize): Promise<void>;
  killProcess(process: number): Promise<{ readonly killed: number }>;
  forgetProcess(process: number): Promise<void>;
  openSession(options: { readonly cwd: string; readonly env: readonly string[] }): Promise<number>;
  killSession(session: number): Promise<{ readonly killed: number }>;
  readonly files: GuestFiles;
  /** Calls throw `capability.missing` where the other side is older. */
  readonly tunnels: GuestTunnels;
  close(): Promise<void>;
}
