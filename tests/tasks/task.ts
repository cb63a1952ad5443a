import type { ExecRequest, GuestFiles } from '@sovereign/core';

/** How a command of a task ended, with its output as text. */
export interface TaskResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A conversation with a running command, for terminals and servers. */
export interface TaskProcess {
  write(text: string): Promise<void>;
  endStdin(): Promise<void>;
  signal(name: 'SIGTERM' | 'SIGINT'): Promise<void>;
  /** Resolves with the whole output when it matches; fails after ten seconds. */
  until(pattern: RegExp): Promise<string>;
  readonly ended: Promise<TaskResult>;
}

/** What a task needs of a sandbox: the same on every tier, and on the bare host as the reference. */
export interface TaskSandbox {
  /** Where the workspace is inside. */
  readonly workspacePath: string;
  readonly files: Pick<
    GuestFiles,
    'read' | 'write' | 'stat' | 'list' | 'makeDirectory' | 'rename' | 'remove' | 'watch'
  >;
  exec(
    request: ExecRequest,
  ): Promise<{ readonly exitCode: number; readonly stdout: Uint8Array; readonly stderr: Uint8Array }>;
  start(request: ExecRequest): Promise<TaskProcess>;
  dispose(): Promise<void>;
}

/** What a task is given: its sandbox, a directory of its own in it, and short words for the usual commands. */
export interface TaskScene {
  readonly sandbox: TaskSandbox;
  readonly directory: string;
  run(command: string, args: readonly string[], options?: Partial<ExecRequest>): Promise<TaskResult>;
  sh(script: string, options?: Partial<ExecRequest>): Promise<TaskResult>;
  bash(script: string, options?: Partial<ExecRequest>): Promise<TaskResult>;
  python(source: string, options?: Partial<ExecRequest>): Promise<TaskResult>;
  write(name: string, content: string, mode?: number): Promise<void>;
  start(command: string, args: readonly string[], options?: Partial<ExecRequest>): Promise<TaskProcess>;
}

/** A real piece of work. What `run` returns is compared with `expected` exactly, on every tier. */
export interface Task {
  readonly id: string;
  readonly title: string;
  /** Programs that have to be there; a tier that lacks one that the host has fails the task. */
  readonly needs: readonly string[];
  readonly expected: unknown;
  readonly run: (scene: TaskScene) => Promise<unknown>;
}

/** A task that is one script: its code, output and errors are the result. */
export function scriptTask(
  id: string,
  title: string,
  shell: 'sh' | 'bash' | 'python3',
  script: string,
  expected: string | Partial<TaskResult>,
): Task {
  const result = typeof expected === 'string' ? { out: expected } : expected;
  return {
    id,
    title,
    needs: [shell],
    expected: { code: 0, out: '', err: '', ...result },
    run: (scene) => (shell === 'python3' ? scene.python(script) : scene[shell](script)),
  };
}

/** The scene of a task in a new directory of the workspace. */
export async function openScene(sandbox: TaskSandbox, id: string): Promise<TaskScene> {
  const directory = `${sandbox.workspacePath.replace(/\/$/, '')}/${id}`;
  await sandbox.files.makeDirectory(directory, { makeParents: true });
  const defaults = { cwd: directory, timeoutMs: 60_000, env: { LC_ALL: 'C.UTF-8' } };
  const run: TaskScene['run'] = async (command, args, options = {}) => {
    const env = { ...defaults.env, ...options.env };
    const { exitCode, stdout, stderr } = await sandbox.exec({ ...defaults, command, args, ...options, env });
    return {
      code: exitCode,
      out: Buffer.from(stdout).toString('utf8'),
      err: Buffer.from(stderr).toString('utf8'),
    };
  };
  return {
    sandbox,
    directory,
    run,
    sh: (script, options) => run('sh', ['-c', script], options),
    bash: (script, options) => run('bash', ['-c', script], options),
    python: (source, options) => run('python3', ['-c', source], options),
    write: async (name, content, mode) => {
      const options = { makeParents: true, ...(mode === undefined ? {} : { mode }) };
      await sandbox.files.write(`${directory}/${name}`, Buffer.from(content), options);
    },
    start: (command, args, options = {}) =>
      sandbox.start({ ...defaults, command, args, ...options, env: { ...defaults.env, ...options.env } }),
  };
}
