import { argument, type CommandContext } from '../command-context.ts';
import { changeLine } from '../text/change-line.ts';

/** `sovereign apply`. JSON: `{"applied":[change],"step":"stp_…"}`; `step` is null for what cannot be undone. */
export async function run(context: CommandContext): Promise<number> {
  const { containers } = await context.client();
  const applying = containers.review.apply(argument(context, 0), {
    paths: context.args.slice(1),
    granted: context.options.texts('grant'),
    isUndoable: !context.options.has('no-undo'),
  });
  const { changes, step } = await context.progress.during('Applying', applying);
  if (context.isJson) await context.output.json({ applied: changes, step });
  else {
    await context.output.text(changes.map((change) => changeLine(change)).join(''));
    if (step !== null) await context.output.note(`Put back what was there with: sovereign undo ${step}`);
  }
  return 0;
}
