import type { ExecRequest } from '../contract/exec.ts';
import { checkNonEmpty, checkObject } from './argument-checks.ts';
import { checkEnv, type EnvChange } from './environment.ts';
import type { ExecResult } from './exec-result.ts';
import type { LiveSandbox } from './live-sandbox.ts';
import { resolvePath, type SpawnRequest } from './prepare-exec.ts';
import { runCommand, type RunOptions } from './run-command.ts';
import type { SandboxProcess } from './sandbox-process.ts';
import { spawnProcess, type SpawnOptions } from './spawn-process.ts';

export interface SessionOptions {
  /** Default: the workspace. */
  readonly cwd?: string;
  /** Over the environment of the sandbox, under that of each command. */
  readonly env?: EnvChange;
}

/** A scope for commands with its own working directory and environment, ended together. */
export class SandboxSession {
  /** Id within the guest, counting up from 1. */
  readonly id: number;
  readonly cwd: string;
  readonly #live: LiveSandbox;

  constructor(live: LiveSandbox, id: number, cwd: string) {
    this.#live = live;
    this.id = id;
    this.cwd = cwd;
  }

  exec(request: Omit<ExecRequest, 'session'>, options: RunOptions = {}): Promise<ExecResult> {
    return runCommand(this.#live, { ...request, session: this.id }, options);
  }

  /** Starts a process in it, to follow, write to, or leave running. */
  spawn(request: Omit<SpawnRequest, 'session'>, options: SpawnOptions = {}): Promise<SandboxProcess> {
    return spawnProcess(this.#live, { ...request, session: this.id }, options);
  }

  /** Kills every process of the session and closes it. */
  kill(): Promise<{ readonly killed: number }> {
    return killSession(this.#live, this.id);
  }
}

export async function openSession(live: LiveSandbox, options: SessionOptions): Promise<SandboxSession> {
  checkObject('session', options);
  if (options.cwd !== undefined) checkNonEmpty('cwd', options.cwd);
  if (options.env !== undefined) checkEnv(options.env);
  const cwd = resolvePath(live.workspacePath, options.cwd);
  const env = options.env === undefined ? live.env : live.env.with(options.env);
  const channel = await live.channels.get();
  const action = {
    kind: 'session.open',
    sandbox: live.id,
    cwd,
    envNames: Object.keys(options.env ?? {}),
  } as const;
  const id = await live.actions.perform(
    { action, runtime: live.report, facts: (session) => ({ session }) },
    () => channel.openSession({ cwd, env: env.list }),
  );
  live.sessions.set(id, { cwd, env });
  return new SandboxSession(live, id, cwd);
}

export async function killSession(live: LiveSandbox, session: number): Promise<{ readonly killed: number }> {
  const channel = await live.channels.get();
  const action = { kind: 'session.kill', sandbox: live.id, session } as const;
  const killed = await live.actions.perform(
    { action, runtime: live.report, facts: (result) => ({ killed: result.killed }) },
    () => channel.killSession(session),
  );
  live.sessions.delete(session);
  return killed;
}
