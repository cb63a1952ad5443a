import { findProgram } from '@sovereign/guest';
import { CommandLine, type ProgramKind } from './command-line.ts';
import { readList, type MachineStatus } from './list-answer.ts';
import { programFailed, programMissing } from './program-errors.ts';
import { runProgram, type RunRequest, type RunResult } from './run-program.ts';

/** How long the calls of the program may take. */
export interface CallLimits {
  /** `version`, `ls`, `policy`: questions to a daemon of this host. Default 20 s: it may have to start it. */
  readonly questionMs: number;
  /** `create`: it may fetch an image of gigabytes. Default 15 minutes. */
  readonly createMs: number;
  /** `exec` of ours, which starts a stopped machine, `stop`, `rm`. Default 2 minutes. */
  readonly actMs: number;
}

export const defaultCallLimits: CallLimits = { questionMs: 20_000, createMs: 900_000, actMs: 120_000 };

export interface ProgramOptions {
  /** Default: `sbx` in PATH, else `docker` with its plugin. */
  readonly programPath?: string;
  /** Which of the two `programPath` is. Default `sbx`. */
  readonly programKind?: ProgramKind;
  /** Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly callLimits?: Partial<CallLimits>;
}

/**
 * What the program finds in its environment: where it keeps its things, and how it gets out.
 *
 * SAFETY: nothing else. The program takes keys of services from its environment to send them along with requests of its
 * sandboxes, and hands the SSH agent that it finds there on to them. Held by tests/docker-sandbox (`what the program is told`).
 */
const passed =
  /^(?:PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_[A-Z]+|XDG_[A-Z_]+|DOCKER_CONFIG|DOCKER_SANDBOXES_[A-Z_]+|SBX_NO_TELEMETRY|(?:HTTPS?|NO|ALL)_PROXY|(?:https?|no|all)_proxy)$/;

/** The command of Docker Sandboxes on this host, and one method for each thing that is asked of it. */
export class SandboxProgram {
  readonly kind: ProgramKind;
  readonly path: string;
  readonly lines: CommandLine;
  readonly env: Readonly<Record<string, string>>;
  readonly #limits: CallLimits;

  constructor(kind: ProgramKind, path: string, options: Pick<ProgramOptions, 'env' | 'callLimits'>) {
    this.kind = kind;
    this.path = path;
    this.lines = new CommandLine(kind);
    this.env = Object.fromEntries(
      Object.entries(options.env ?? process.env).flatMap(([name, value]) =>
        value !== undefined && passed.test(name) ? [[name, value]] : [],
      ),
    );
    this.#limits = { ...defaultCallLimits, ...options.callLimits };
  }

  /** `v0.43.0`, or what it says instead, cut. @throws SovereignError `engine.failed`, `engine.unavailable` */
  async version(): Promise<string> {
    const { stdout } = await this.#call('Docker Sandboxes does not say its version', this.lines.version());
    return (
      /v\d{1,5}\.\d{1,5}\.\d{1,5}[-+.0-9A-Za-z]{0,32}/.exec(stdout.slice(0, 4_096))?.[0] ?? 'unknown version'
    );
  }

  /** Every sandbox of this user, also those of others than us. */
  async list(signal?: AbortSignal): Promise<ReadonlyMap<string, MachineStatus>> {
    const argv = this.lines.list();
    const { stdout } = await this.#call('Sandboxes could not be listed', argv, { signal });
    return readList(this.#shown(argv), stdout);
  }

  async create(request: Parameters<CommandLine['create']>[0], signal?: AbortSignal): Promise<void> {
    const timeoutMs = this.#limits.createMs;
    await this.#call('The sandbox could not be made', this.lines.create(request), { signal, timeoutMs });
  }

  /**
   * Runs a command of ours inside and waits for its end.
   *
   * @param about what it was for, for the message when it fails
   */
  async exec(
    about: string,
    name: string,
    argv: readonly string[],
    how: {
      readonly stdin?: Uint8Array;
      readonly signal?: AbortSignal | undefined;
      readonly extraMs?: number;
    } = {},
  ): Promise<string> {
    const { stdin, signal, extraMs = 0 } = how;
    const line = this.lines.exec({ name, argv, isInteractive: stdin !== undefined });
    const timeoutMs = this.#limits.actMs + extraMs;
    const { stdout } = await this.#call(about, line, { signal, timeoutMs, ...(stdin && { stdin }) });
    return stdout;
  }

  async stop(name: string): Promise<void> {
    await this.#call('The sandbox could not be stopped', this.lines.stop(name), {
      timeoutMs: this.#limits.actMs,
    });
  }

  /** Removes it if it is there. Whether it is, is asked and not read out of what a removal prints. */
  async remove(name: string): Promise<void> {
    const argv = this.lines.remove(name);
    const result = await this.run(argv, { timeoutMs: this.#limits.actMs });
    if (result.exitCode === 0 && result.end === 'exited') return;
    if (!(await this.list()).has(name)) return;
    throw programFailed('The sandbox could not be removed', this.#shown(argv), result);
  }

  /** Closes the network of a sandbox. */
  async denyNetwork(name: string): Promise<void> {
    await this.#call('The network of the sandbox could not be closed', this.lines.denyNetwork(name));
  }

  /** What the program answers to whether a sandbox may reach a host; undefined where it cannot be asked. */
  async checkNetwork(name: string, target: string): Promise<RunResult | undefined> {
    const argv = this.lines.checkNetwork(name, target);
    return argv && this.run(argv, { timeoutMs: this.#limits.questionMs });
  }

  run(
    argv: readonly string[],
    how: Pick<RunRequest, 'timeoutMs' | 'stdin'> & { readonly signal?: AbortSignal | undefined },
  ): Promise<RunResult> {
    const { signal, ...rest } = how;
    return runProgram({ path: this.path, argv, env: this.env, ...rest, ...(signal && { signal }) });
  }

  async #call(
    about: string,
    argv: readonly string[],
    how: {
      readonly timeoutMs?: number;
      readonly stdin?: Uint8Array;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<RunResult> {
    const result = await this.run(argv, { timeoutMs: this.#limits.questionMs, ...how });
    if (result.end === 'exited' && result.exitCode === 0) return result;
    throw programFailed(about, this.#shown(argv), result);
  }

  /** A command line for people: without the scripts that are run inside. */
  #shown(argv: readonly string[]): string {
    const program = this.kind === 'sbx' ? 'sbx' : 'docker';
    const script = argv.indexOf('/bin/sh');
    return [program, ...(script < 0 ? argv : [...argv.slice(0, script), 'sh'])].join(' ').slice(0, 300);
  }
}

/** @throws SovereignError `launcher.missing` */
export function findSandboxProgram(options: ProgramOptions): SandboxProgram {
  const { programPath, programKind = 'sbx', env = process.env } = options;
  if (programPath !== undefined) return new SandboxProgram(programKind, programPath, options);
  const path = env['PATH'];
  const sbx = findProgram('sbx', path);
  if (sbx !== undefined) return new SandboxProgram('sbx', sbx, options);
  const docker = findProgram('docker', path);
  if (docker !== undefined) return new SandboxProgram('plugin', docker, options);
  throw programMissing('neither sbx nor docker is in PATH');
}
