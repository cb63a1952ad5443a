import type { CommandContext } from '../command-context.ts';
import { recordJson } from '../json/sandbox-json.ts';
import { formatAge } from '../text/format.ts';
import { table } from '../text/table.ts';

/** `sovereign ps`. JSON: `{"sandboxes":[…],"problems":[{"backend","message","hint"}]}`. */
export async function run({ options, output, isJson, client }: CommandContext): Promise<number> {
  const listing = await (await client()).list();
  const sandboxes = listing.sandboxes.filter(({ state }) => options.has('all') || state === 'running');
  if (isJson) {
    await output.json({ sandboxes: sandboxes.map(recordJson), problems: listing.problems });
    return 0;
  }
  for (const { backend, message, hint } of listing.problems) {
    await output.complain(`sovereign: ${backend} cannot say what it has: ${message} ${hint}`);
  }
  if (options.has('quiet')) {
    await output.text(sandboxes.map(({ id }) => `${id}\n`).join(''));
    return 0;
  }
  const now = Date.now();
  const rows = sandboxes.map(({ id, backend, state, spec }) => [
    id,
    spec.name ?? '',
    backend,
    state,
    spec.workspace?.hostPath ?? '',
    formatAge(spec.createdMs, now),
  ]);
  await output.text(table(['ID', 'NAME', 'RUNTIME', 'STATE', 'WORKSPACE', 'CREATED'], rows));
  return 0;
}
