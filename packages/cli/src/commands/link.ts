import { argument, type CommandContext } from '../command-context.ts';
import { hold } from '../network/hold.ts';
import { parseLinkTarget } from '../values/parse-link-target.ts';

/** `sovereign link` */
export function run(context: CommandContext): Promise<number> {
  const target = parseLinkTarget(argument(context, 1), context.args[2]);
  return hold(context, { kind: 'link', from: argument(context, 0), ...target });
}
