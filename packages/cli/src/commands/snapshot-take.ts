import { argument, type CommandContext } from '../command-context.ts';
import { formatDuration } from '../text/format.ts';

/** `sovereign snapshot take`. JSON: `{"snapshot":{…}}`. */
export async function run(context: CommandContext): Promise<number> {
  const client = await context.client();
  const name = context.options.text('name');
  const sandbox = await client.connect(argument(context, 0));
  const taking = sandbox.snapshot(name === undefined ? {} : { name });
  const snapshot = await context.progress.during('Taking a snapshot', taking);
  if (context.isJson) await context.output.json({ snapshot });
  else {
    await context.output.note(`It stood still for ${formatDuration(snapshot.pausedMs)}.`);
    await context.output.text(`${snapshot.id}\n`);
  }
  return 0;
}
