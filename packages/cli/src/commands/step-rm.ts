import type { CommandContext } from '../command-context.ts';
import { forEachName } from './for-each-name.ts';

/** `sovereign step rm`. JSON: `{"done":["stp_…"],"failed":[{"name","error"}]}`. */
export function run(context: CommandContext): Promise<number> {
  return forEachName(context, 'Forgetting', async (client, step) => {
    await client.steps.remove(step);
    return step;
  });
}
