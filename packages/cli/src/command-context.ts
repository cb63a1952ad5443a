import type { Sovereign } from '@sovereign/sdk';
import type { Output } from './output/output.ts';
import type { Progress } from './output/progress.ts';
import type { OptionValues } from './syntax/option-values.ts';

/** What a command of ours works with. */
export interface CommandContext {
  readonly options: OptionValues;
  readonly args: readonly string[];
  /** argv of the command for the sandbox. */
  readonly command: readonly string[];
  readonly isJson: boolean;
  readonly output: Output;
  readonly progress: Progress;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The one client of this call, opened when it is first needed and closed at the end. */
  readonly client: () => Promise<Sovereign>;
}

/** The argument at `index`, which the parser has made sure of. */
export function argument(context: CommandContext, index: number): string {
  const value = context.args[index];
  if (value === undefined) throw new TypeError(`argument ${index} is missing`);
  return value;
}
