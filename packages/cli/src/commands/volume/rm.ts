import type { CommandContext } from '../../command-context.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { forEachName } from '../for-each-name.ts';

/** `sovereign volume rm`. JSON: `{"done":[name],"failed":[{"name","error"}]}`. */
export function run(context: CommandContext): Promise<number> {
  return forEachName(context, 'Removing', async (client, name) => {
    await client.volumes.remove(name, engineValue(context));
    return name;
  });
}
