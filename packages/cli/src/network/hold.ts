import type { CommandContext } from '../command-context.ts';
import { Interruption } from '../process/interruption.ts';
import { neutralise } from '../text/neutralise.ts';
import { detachBroker } from './detach-broker.ts';
import { beginHolding, type Held, type HoldRequest } from './hold-request.ts';

/** A process that only waits is kept alive by this; nothing happens when it fires. */
const keepAliveMs = 3_600_000;

/**
 * Holds it until Ctrl-C, or until its sandbox is gone; with --detach a process of its own does. Says what is held once it is.
 */
export async function hold(context: CommandContext, request: HoldRequest): Promise<number> {
  if (context.options.has('detach')) {
    await tell(context, await detachBroker(request));
    return 0;
  }
  const interruption = new Interruption();
  const keepAlive = setInterval(() => undefined, keepAliveMs);
  try {
    const client = await context.client();
    await tell(context, await beginHolding(client, request));
    if (request.kind === 'egress') {
      client.onEgress(({ isAllowed, host, port, rule }) => {
        const verdict = isAllowed ? 'allowed' : 'denied';
        void context.output.complain(`${verdict} ${host}:${port} (${rule})`);
      });
    }
    await Promise.race([client.whenReleased(), aborted(interruption.signal)]);
    return interruption.exitCode ?? 0;
  } finally {
    clearInterval(keepAlive);
    interruption.close();
  }
}

/** Waits for the signal. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function tell({ isJson, output }: CommandContext, { line, facts }: Held): Promise<void> {
  if (isJson) await output.json(facts);
  else await output.text(`${neutralise(line)}\n`);
}
