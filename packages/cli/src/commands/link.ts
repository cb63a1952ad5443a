import { argument, type CommandContext } from '../command-context.ts';
import { hold } from '../network/hold.ts';
import { parsePort } from '../values/parse-publish.ts';

/** `sovereign link` */
export function run(context: CommandContext): Promise<number> {
  const [from, to] = [argument(context, 0), argument(context, 1)];
  return hold(context, { kind: 'link', from, to, port: parsePort(argument(context, 2), 'PORT') });
}
