import { argument, type CommandContext } from '../command-context.ts';
import { parseCount } from '../values/parse-number.ts';

/** `sovereign kill`. JSON: `{"sandbox","process","killed"}`. */
export async function run(context: CommandContext): Promise<number> {
  const process = parseCount(argument(context, 1), 'PROCESS');
  const sandbox = await (await context.client()).connect(argument(context, 0));
  const { killed } = await sandbox.kill(process);
  if (context.isJson) await context.output.json({ sandbox: sandbox.id, process, killed });
  else await context.output.text(`${process}\n`);
  return 0;
}
