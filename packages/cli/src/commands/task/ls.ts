import type { CommandContext } from '../../command-context.ts';
import { table } from '../../text/table.ts';

/** `sovereign task ls`. JSON: `{"scopes":[{"strategy","scope","sandboxes":[id]}]}`. */
export async function run({ client, output, isJson }: CommandContext): Promise<number> {
  const scopes = await (await client()).scopes();
  if (isJson) await output.json({ scopes });
  else {
    const rows = scopes.map(({ strategy, scope, sandboxes }) => [strategy, scope, sandboxes.join(', ')]);
    await output.text(table(['KIND', 'NAME', 'SANDBOXES'], rows));
  }
  return 0;
}
