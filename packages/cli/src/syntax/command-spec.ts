import type { CommandContext } from '../command-context.ts';

/**
 * What a value names, so that the shell can complete it. `step` is one that can be undone; `applied` such a step, or the
 * sandbox of one, which may be gone.
 */
export type Completes =
  'sandbox' | 'image' | 'volume' | 'network' | 'step' | 'applied' | 'file' | 'directory';

/** One option of a command. Parsing, help and completion all read this. */
export interface OptionSpec {
  /** Long name, without dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  readonly about: string;
  /** How help calls its value, `SIZE` for instance. An option without one is a flag. */
  readonly value?: string;
  /** May be given more than once; all values count. */
  readonly isRepeatable?: boolean;
  /** What holds when it is not given, as help shows it. */
  readonly default?: string;
  /** The only values there are. */
  readonly choices?: readonly string[];
  readonly completes?: Completes | undefined;
}

/** A positional argument. */
export interface ArgumentSpec {
  readonly name: string;
  readonly about: string;
  readonly isOptional?: boolean;
  /** Takes all that follow; only the last one may. */
  readonly isRepeatable?: boolean;
  readonly completes?: Completes | undefined;
}

/** Exit code of a command of ours, or of the command that ran in the sandbox. */
export type RunCommand = (context: CommandContext) => Promise<number>;

/** One command: everything that help, parsing and completion have to know of it, and where its code is. */
export interface CommandSpec {
  /** `run`, or two words: `audit verify`. */
  readonly name: string;
  /** One line, for the list of commands. */
  readonly about: string;
  /** More, for its own help. */
  readonly description?: string;
  readonly arguments: readonly ArgumentSpec[];
  /** The argument from which on everything belongs to a command in the sandbox, its options too. */
  readonly commandAt?: number;
  readonly options: readonly OptionSpec[];
  readonly examples: readonly string[];
  /** Not listed: for scripts of ours. */
  readonly isHidden?: boolean;
  /** Loads its code, when it is about to run and not before. */
  load(): Promise<{ readonly run: RunCommand }>;
}
