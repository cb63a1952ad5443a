import type { CommandContext } from '../../command-context.ts';
import { completeScope } from './complete-scope.ts';

/** `sovereign task complete` */
export function run(context: CommandContext): Promise<number> {
  return completeScope(context, 'task');
}
