import { execFlags, signalScopes, type FrameFields } from '@sovereign/protocol';
import { FakeErrno, FakeFiles } from './fake-files.ts';
import { FakeProcess, type Follower } from './fake-process.ts';
import { fakePrograms } from './fake-program.ts';

/** Signals that end a program which has no handler for them; the others do nothing here. */
const deadlySignals: ReadonlySet<number> = new Set([
  1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 31,
]);

interface Session {
  readonly cwd: string;
  readonly env: readonly string[];
}

/** The inside of a fake guest: processes, sessions and files, without an operating system. */
export class FakeMachine {
  readonly files: FakeFiles;
  readonly processes: Map<number, FakeProcess> = new Map<number, FakeProcess>();
  readonly #sessions = new Map<number, Session>();
  #lastProcess = 0;
  #lastSession = 0;
  #gate: Promise<void> = Promise.resolve();
  #openGate: () => void = () => undefined;

  constructor(options: { readonly roots: readonly string[] }) {
    this.files = new FakeFiles(options.roots);
  }

  pause(): void {
    this.#gate = new Promise((resolve) => (this.#openGate = resolve));
  }

  resume(): void {
    this.#openGate();
    this.#gate = Promise.resolve();
  }

  /** The gate that every step of every program passes. */
  unpaused(): Promise<void> {
    return this.#gate;
  }

  /** Ends every process and forgets it. */
  killAll(signal: number): void {
    for (const process of this.processes.values()) process.finish('killed', signal);
  }

  get running(): readonly FakeProcess[] {
    return [...this.processes.values()].filter((process) => process.exit === undefined);
  }

  /** Starts a program. A program that is not there exits at once with its cause, as in a shell. */
  start(start: FrameFields<'exec.start'>, follower: Follower): FakeProcess {
    const [command] = start.argv;
    if (command === undefined) throw new FakeErrno('EINVAL', 'exec.start', '');
    if ((start.flags & execFlags.pty) !== 0) throw new FakeErrno('ENOTSUP', 'exec.start', 'pty');
    if (start.session !== 0) this.#session(start.session);
    const failure = this.#startFailure(command, start.cwd);
    this.#lastProcess += 1;
    const process = new FakeProcess({
      process: this.#lastProcess,
      pid: 100 + this.#lastProcess,
      start,
      program: fakePrograms.get(programName(command)) ?? (() => Promise.resolve(127)),
      context: {
        env: environment(start.env),
        files: this.files,
        find: (name) => fakePrograms.get(programName(name)),
      },
      unpaused: () => this.unpaused(),
      follower,
      onExit: () => undefined,
    });
    this.processes.set(process.process, process);
    if (failure !== undefined) process.finish(failure.cause, 0, failure.code);
    return process;
  }

  openSession(session: Session): number {
    this.#lastSession += 1;
    this.#sessions.set(this.#lastSession, session);
    return this.#lastSession;
  }

  killSession(id: number): number {
    this.#session(id);
    this.#sessions.delete(id);
    return this.running.filter((process) => process.session === id && process.finish('killed', 9)).length;
  }

  process(id: number): FakeProcess {
    const process = this.processes.get(id);
    if (process === undefined) throw new FakeErrno('ESRCH', 'process', String(id));
    return process;
  }

  signal(id: number, signal: number, scope: number): void {
    const process = this.process(id);
    if (process.exit !== undefined) throw new FakeErrno('ESRCH', 'exec.signal', String(id));
    if (signal > 64 || scope > signalScopes.tree)
      throw new FakeErrno('EINVAL', 'exec.signal', String(signal));
    if (deadlySignals.has(signal)) process.finish('signalled', signal);
  }

  kill(id: number): number {
    return this.process(id).finish('killed', 9) ? 1 : 0;
  }

  forget(id: number): void {
    if (this.process(id).exit === undefined) throw new FakeErrno('EAGAIN', 'exec.forget', String(id));
    this.processes.delete(id);
  }

  #session(id: number): Session {
    const session = this.#sessions.get(id);
    if (session === undefined) throw new FakeErrno('ENOENT', 'session', String(id));
    return session;
  }

  #startFailure(
    command: string,
    cwd: string,
  ): { readonly cause: 'badDirectory' | 'notFound' | 'notExecutable'; readonly code: number } | undefined {
    const directory = this.files.find(cwd);
    if (directory?.kind !== 'directory') return { cause: 'badDirectory', code: 126 };
    if (fakePrograms.has(programName(command))) return undefined;
    const file = this.files.find(command);
    return file === undefined ? { cause: 'notFound', code: 127 } : { cause: 'notExecutable', code: 126 };
  }
}

/** Built-in programs are found by name, in /bin and in /usr/bin. */
function programName(command: string): string {
  return command.replace(/^(\/usr)?\/bin\//, '');
}

function environment(entries: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    entries.map((entry) => {
      const at = entry.indexOf('=');
      return [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}
