import type { CommandContext } from '../command-context.ts';
import { forEachSandbox } from '../sandbox/for-each-sandbox.ts';

/** `sovereign snapshot rm` */
export function run(context: CommandContext): Promise<number> {
  return forEachSandbox(context, 'Removing', (client, idOrName) => client.removeSnapshot(idOrName));
}
