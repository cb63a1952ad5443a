import { argument, type CommandContext } from '../command-context.ts';
import { changeLine } from '../text/change-line.ts';

/** `sovereign apply`. JSON: `{"applied":[change]}`. */
export async function run(context: CommandContext): Promise<number> {
  const { containers } = await context.client();
  const applying = containers.review.apply(argument(context, 0), {
    paths: context.args.slice(1),
    granted: context.options.texts('grant'),
  });
  const applied = await context.progress.during('Applying', applying);
  if (context.isJson) await context.output.json({ applied });
  else await context.output.text(applied.map((change) => changeLine(change)).join(''));
  return 0;
}
