/** The standalone `sbx`, or the plugin of the docker command that it has replaced. */
export type ProgramKind = 'sbx' | 'plugin';

/** A sandbox in the words of either program. */
export interface CreateRequest {
  readonly name: string;
  /** Image of the sandbox. Default: the one of the agent `shell`. */
  readonly template?: string;
  readonly memoryMib?: number;
  readonly cpus?: number;
  /** Directories of the host, as the program takes them: `PATH` or `PATH:ro`, the first one writable. */
  readonly workspaces: readonly string[];
}

export interface ExecRequest {
  readonly name: string;
  /** stdin goes to the command; without, it has none. */
  readonly isInteractive?: boolean;
  readonly argv: readonly string[];
}

/**
 * Command lines of Docker Sandboxes, as published: https://docs.docker.com/reference/cli/sbx/ and, of the plugin,
 * https://docs.docker.com/reference/cli/docker/sandbox/. The two differ in the limits that they take and in how the network
 * is closed; `supported.ts` refuses what the plugin cannot say.
 *
 * SAFETY: a list of arguments, never a line for a shell. Names are ours, paths absolute, and what a caller chose stands
 * where no option is looked for: as the value of one, or behind the name of the sandbox. Held by command-line.test.ts.
 */
export class CommandLine {
  readonly #kind: ProgramKind;

  constructor(kind: ProgramKind) {
    this.#kind = kind;
  }

  version(): readonly string[] {
    return this.#of('version');
  }

  list(): readonly string[] {
    return this.#of('ls', '--json');
  }

  create({ name, template, memoryMib, cpus, workspaces }: CreateRequest): readonly string[] {
    return this.#of(
      'create',
      '--quiet',
      `--name=${name}`,
      ...(template === undefined ? [] : [`--template=${template}`]),
      ...(memoryMib === undefined ? [] : [`--memory=${memoryMib}m`]),
      ...(cpus === undefined ? [] : [`--cpus=${cpus}`]),
      'shell',
      ...workspaces,
    );
  }

  /** As root, from `/`. */
  exec({ name, isInteractive = false, argv }: ExecRequest): readonly string[] {
    const interactive = isInteractive ? ['--interactive'] : [];
    return this.#of('exec', ...interactive, '--user=0:0', '--workdir=/', name, ...argv);
  }

  stop(name: string): readonly string[] {
    return this.#of('stop', name);
  }

  remove(name: string): readonly string[] {
    // The plugin asks nothing, and knows no option for it.
    return this.#kind === 'sbx' ? this.#of('rm', '--force', name) : this.#of('rm', name);
  }

  /** Nothing gets out of this sandbox. A denial wins over whatever is allowed, to all or by a kit. */
  denyNetwork(name: string): readonly string[] {
    return this.#kind === 'sbx'
      ? this.#of('policy', 'deny', 'network', `--sandbox=${name}`, '**')
      : this.#of('network', 'proxy', name, '--policy=deny');
  }

  /** Whether a sandbox may reach a host: `Allowed: …` or `Denied: …`. The plugin cannot be asked. */
  checkNetwork(name: string, target: string): readonly string[] | undefined {
    return this.#kind === 'sbx'
      ? this.#of('policy', 'check', 'network', `--sandbox=${name}`, target)
      : undefined;
  }

  #of(...argv: readonly string[]): readonly string[] {
    return this.#kind === 'sbx' ? argv : ['sandbox', ...argv];
  }
}
