import type { CommandContext } from '../../command-context.ts';
import { completeScope } from './complete-scope.ts';

/** `sovereign session complete` */
export function run(context: CommandContext): Promise<number> {
  return completeScope(context, 'session');
}
