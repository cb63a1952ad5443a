import { argument, type CommandContext } from '../command-context.ts';
import { changeLine } from '../text/change-line.ts';

/** `sovereign diff`. JSON: lines of `{"kind","path"}`; with --workspace also `file`, `stamp` and `shield`. */
export async function run(context: CommandContext): Promise<number> {
  const { containers } = await context.client();
  const sandbox = argument(context, 0);
  if (context.options.has('workspace')) {
    for await (const change of containers.review.changes(sandbox)) {
      const note = change.shield === null ? '' : `only with --grant: ${change.shield}`;
      if (context.isJson) await context.output.json(change);
      else await context.output.text(changeLine(change, note));
    }
    return 0;
  }
  for await (const { kind, path } of containers.introspection.diff(sandbox)) {
    if (context.isJson) await context.output.json({ kind, path });
    else await context.output.text(changeLine({ kind, path }));
  }
  return 0;
}
