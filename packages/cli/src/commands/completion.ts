import { argument, type CommandContext } from '../command-context.ts';
import { completionScripts } from '../completion/scripts.ts';
import { UsageError } from '../errors/usage-error.ts';

/** `sovereign completion`. JSON: `{"shell","script"}`. */
export async function run(context: CommandContext): Promise<number> {
  const shell = argument(context, 0);
  if (shell !== 'bash' && shell !== 'zsh') {
    throw new UsageError(
      `There is no completion for ${shell} (expected bash or zsh).`,
      'Choose one of these.',
    );
  }
  const script = completionScripts[shell];
  if (context.isJson) await context.output.json({ shell, script });
  else await context.output.text(script);
  return 0;
}
