import type { Sandbox } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';

/** Says on stderr where a sandbox runs and what to know of that; with --verbose also why, and what holds it. */
export async function announce(
  sandbox: Sandbox,
  { output, options, isJson }: Pick<CommandContext, 'output' | 'options' | 'isJson'>,
): Promise<void> {
  if (isJson) return;
  await output.note(sandbox.runtimeLine);
  for (const warning of sandbox.warnings) await output.note(`Warning: ${warning}`);
  if (!options.has('verbose')) return;
  for (const { backend, verdict, reason, hint } of sandbox.selection) {
    const said = verdict === 'taken' ? 'taken' : 'passed over';
    await output.note(`  ${backend}: ${said}: ${reason} ${hint}`.trimEnd());
  }
  for (const { name, state, detail } of sandbox.runtime.layers) {
    await output.note(`  layer ${name}: ${state}${detail === '' ? '' : ` (${detail})`}`);
  }
}
