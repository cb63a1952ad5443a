import { argument, type CommandContext } from '../command-context.ts';
import { hold } from '../network/hold.ts';
import { parsePublish } from '../values/parse-publish.ts';

/** `sovereign port publish` */
export function run(context: CommandContext): Promise<number> {
  const published = parsePublish(argument(context, 1), 'PORT');
  return hold(context, { kind: 'port', sandbox: argument(context, 0), ...published });
}
