import { argument, type CommandContext } from '../command-context.ts';
import { hold } from '../network/hold.ts';

/** `sovereign egress set` */
export function run(context: CommandContext): Promise<number> {
  return hold(context, { kind: 'egress', sandbox: argument(context, 0), rules: context.args.slice(1) });
}
