import type { CommandContext } from '../command-context.ts';
import { neutralise } from '../text/neutralise.ts';

/** `sovereign network graph`. JSON: the topology as the sdk gives it. */
export async function run(context: CommandContext): Promise<number> {
  const topology = await (await context.client()).topology();
  if (context.isJson) {
    await context.output.json(topology);
    return 0;
  }
  const { drawTopologySvg, drawTopologyText } = await import('@sovereign/sdk');
  const drawn = context.options.has('svg') ? drawTopologySvg(topology) : drawTopologyText(topology);
  await context.output.text(neutralise(drawn, { keepsLines: true }));
  return 0;
}
