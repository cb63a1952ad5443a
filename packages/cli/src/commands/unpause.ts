import type { CommandContext } from '../command-context.ts';
import { forEachSandbox } from '../sandbox/for-each-sandbox.ts';

/** `sovereign unpause` */
export function run(context: CommandContext): Promise<number> {
  return forEachSandbox(context, 'Resuming', async (client, idOrName) => {
    const sandbox = await client.connect(idOrName);
    await sandbox.resume();
  });
}
