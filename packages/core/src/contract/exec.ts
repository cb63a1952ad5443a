import type { SignalName } from '@sovereign/protocol';

/** What stdin is made of. A string is UTF-8. */
export type StdinSource = string | Uint8Array | AsyncIterable<Uint8Array>;

/** Terminal size in character cells. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/**
 * One command, by argv. A shell is an explicit wrapper (`command: 'sh', args: ['-c', …]`) and never guessed.
 */
export interface ExecRequest {
  /** Program: a path when it has a slash, else searched in PATH of the environment. */
  readonly command: string;
  readonly args?: readonly string[];
  /** Working directory inside the guest. Default: the session's, else the workspace. */
  readonly cwd?: string;
  /**
   * Who runs it: a name or a number, and after a colon a group (`app`, `1000:1000`, `app:staff`), looked up in `/etc/passwd` and
   * `/etc/group` of the guest. HOME is that user's where nothing else sets it. Default: that of the sandbox, else of its image, else
   * root in a container or microVM. Only where commands are root, or `argument.invalid`.
   */
  readonly user?: string;
  /** Runs as whoever shelld is, whatever the sandbox says: for what we do in it ourselves. Default false. */
  readonly isGuestOwn?: boolean;
  /** Added to the environment of the guest and the session; `undefined` removes a name. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: empty. */
  readonly stdin?: StdinSource;
  /** Everything the command started is killed after so long. Default: none. */
  readonly timeoutMs?: number;
  /** The same after so long without output on stdout or stderr. Default: none. */
  readonly idleTimeoutMs?: number;
  /** How long output is awaited after the direct child has exited while others hold the pipe. Default 50. */
  readonly drainMs?: number;
  /** Output retained in the guest per stream, for reattaching. Default 1 MiB, at most 4 MiB. */
  readonly ringBytes?: number;
  /** Runs on a terminal of this size: one output stream, line discipline, job control. */
  readonly pty?: TerminalSize;
  /** The session it belongs to. */
  readonly session?: number;
}

/** How a process ended. What a command did is data, never an error. */
export interface ExitStatus {
  /**
   * Exit code as a shell would give it: 0–255, 128 + n when signal n ended it, 127 when the program was not found,
   * 126 when it could not be executed, 124 on a timeout.
   */
  readonly exitCode: number;
  /** Signal that ended the direct child, else null. */
  readonly signal: SignalName | (string & {}) | null;
  readonly cause:
    | 'exited'
    | 'signalled'
    | 'timeout'
    | 'idleTimeout'
    | 'killed'
    | 'notFound'
    | 'notExecutable'
    | 'badDirectory'
    | 'spawnFailed'
    | 'lost';
  /** Bytes that the process wrote, whether or not anybody read them. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly wallMs: number;
  readonly userMs: number;
  readonly systemMs: number;
  /** Largest resident set of the direct child's tree that has been waited for, in KiB. */
  readonly maxRssKib: number;
}

/** A process in a guest, running or retained after its exit. */
export interface ProcessInfo {
  /** Id within the guest, counting up from 1. */
  readonly process: number;
  readonly session: number;
  /** Process id inside the guest. */
  readonly pid: number;
  readonly argv: readonly string[];
  readonly isRunning: boolean;
  readonly hasPty: boolean;
  readonly startedMs: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** Null while it runs. */
  readonly exitCode: number | null;
  readonly cause: ExitStatus['cause'] | null;
}

/** One piece of output. `cursor` is the absolute offset, in its stream, of the byte after it: what to reattach from. */
export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
  readonly cursor: number;
}

/** Takes output as it arrives. `data` is only valid during the call: copy what is kept. */
export type OutputSink = (stream: OutputChunk['stream'], data: Uint8Array) => void;

/**
 * A process that runs in the guest, followed by this client.
 *
 * Iterating yields its output as it comes and ends when the process has ended. Output that is not iterated is
 * not lost: the process waits when its ring is full (call `detach` to let it run on without a reader).
 * A rejection of `started` or `exit` that nobody waits for stays silent.
 */
export interface GuestProcess extends AsyncIterable<OutputChunk> {
  /** Resolves when the guest has started it. */
  readonly started: Promise<{ readonly process: number; readonly pid: number }>;
  /** Resolves after the last output was yielded, or without iteration when nothing iterates and output fits the ring. */
  readonly exit: Promise<ExitStatus>;
  /** Where each stream stands: bytes received, counted from the start of the process. */
  readonly cursors: { readonly stdout: number; readonly stderr: number };
  /** Sends bytes to stdin, resolves when the guest has room for more. Only with `openStdin`. */
  write(data: Uint8Array): Promise<void>;
  endStdin(): Promise<void>;
  signal(signal: SignalName, scope?: 'child' | 'group' | 'tree'): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  /** SIGKILL for everything it started. */
  kill(): Promise<void>;
  /** Lets go of it: it runs on, its newest output is retained in its ring. */
  detach(): Promise<void>;
}
