import type { ExecRequest, ExecResult, RunOptions, SandboxHandle } from '@sovereign/core';

/** Command lines for a shell: the explicit wrapper around `exec`, disabled together with the shell facility. */
export class Commands {
  readonly #handle: SandboxHandle;

  constructor(handle: SandboxHandle) {
    this.#handle = handle;
  }

  /**
   * Runs a command line with `sh -c`: pipes, globs and `&&` work as in a script.
   *
   * @throws SovereignError `facility.disabled` in insecure mode, unless the user's configuration enables the shell.
   */
  run(
    line: string,
    request: Omit<ExecRequest, 'command' | 'args'> = {},
    options: RunOptions = {},
  ): Promise<ExecResult> {
    return this.#handle.shell(line, request, options);
  }
}
