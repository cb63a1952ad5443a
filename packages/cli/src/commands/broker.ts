import { closeSync, openSync } from 'node:fs';
import { argument, type CommandContext } from '../command-context.ts';
import { describeFailure } from '../errors/describe-failure.ts';
import type { BrokerAnswer } from '../network/detach-broker.ts';
import { aborted } from '../network/hold.ts';
import { beginHolding, type HoldRequest } from '../network/hold-request.ts';
import { Interruption } from '../process/interruption.ts';

const keepAliveMs = 3_600_000;

/**
 * `sovereign __broker REQUEST`: holds one thing until it is told to end, or its sandbox is gone (ADR 0012). What it is to
 * hold comes from our own `--detach`.
 */
export async function run(context: CommandContext): Promise<number> {
  const request = JSON.parse(argument(context, 0)) as HoldRequest;
  const { Sovereign } = await import('@sovereign/sdk');
  const interruption = new Interruption();
  const keepAlive = setInterval(() => undefined, keepAliveMs);
  const client = await Sovereign.open({ via: 'cli', isBroker: true });
  try {
    const answer: BrokerAnswer = await beginHolding(client, request).then(
      (held) => ({ ok: true, held }),
      (error: unknown) => ({ ok: false, error: describeFailure(error).error }),
    );
    await context.output.text(`${JSON.stringify(answer)}\n`);
    // Whoever started us reads to the end of our output. Its number stays taken, so that nothing else is written to.
    closeSync(1);
    openSync('/dev/null', 'w');
    if (!answer.ok) return 1;
    await Promise.race([client.whenReleased(), aborted(interruption.signal)]);
    return 0;
  } finally {
    await client.close();
    clearInterval(keepAlive);
    interruption.close();
  }
}
