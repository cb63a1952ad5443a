import type { CommandContext } from '../command-context.ts';
import { forEachSandbox } from '../sandbox/for-each-sandbox.ts';

/** `sovereign pause` */
export function run(context: CommandContext): Promise<number> {
  return forEachSandbox(context, 'Pausing', async (client, idOrName) => {
    const sandbox = await client.connect(idOrName);
    await sandbox.pause();
  });
}
