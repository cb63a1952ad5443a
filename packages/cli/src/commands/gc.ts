import type { GarbageItem } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { formatSize } from '../text/format.ts';
import { table } from '../text/table.ts';

/** `sovereign gc`. JSON: with --dry-run `{"items":[item],"problems":[…]}`, else `{"items":[item with "failure"]}`. */
export async function run(context: CommandContext): Promise<number> {
  return context.options.has('dry-run') ? plan(context) : sweep(context);
}

async function plan({ client, args, output, isJson }: CommandContext): Promise<number> {
  const { items: all, problems } = await (await client()).planGc();
  const items = args.length === 0 ? all : all.filter(({ id }) => args.includes(id));
  if (isJson) {
    await output.json({ items, problems });
    return 0;
  }
  for (const { backend, message, hint } of problems)
    await output.complain(`sovereign: ${backend} could not be looked through: ${message} ${hint}`);
  const rows = items.map((item) => [...cells(item), item.why]);
  await output.text(table(['ITEM', 'KIND', 'WOULD', 'SIZE', 'WHY'], rows));
  return 0;
}

async function sweep({ client, args, output, progress, isJson }: CommandContext): Promise<number> {
  const opened = await client();
  const sweeping = opened.gc(args.length === 0 ? undefined : args);
  const items = await progress.during('Cleaning up', sweeping);
  if (isJson) await output.json({ items });
  else {
    const rows = items.map((item) => {
      const { act, failure } = item;
      const became = failure === null ? (act === 'stop' ? 'stopped' : 'removed') : 'failed';
      const [id, kind, , size] = cells(item);
      return [id, kind, became, size, failure === null ? '' : `${failure.message} ${failure.hint}`];
    });
    await output.text(table(['ITEM', 'KIND', 'BECAME', 'SIZE', 'TROUBLE'], rows));
    const swept = new Set(items.map(({ id }) => id));
    for (const name of args)
      if (!swept.has(name)) await output.note(`${name}: it is in use, or not there any more.`);
  }
  return items.some(({ failure }) => failure !== null) ? exitCodes.failure : 0;
}

function cells({ id, kind, act, bytes }: GarbageItem): readonly [string, string, string, string] {
  return [id, kind, act, bytes === 0 ? '' : formatSize(bytes)];
}
