import { SovereignError, type ErrorReason } from '@sovereign/protocol';
import type { CommandContext } from '../command-context.ts';

/** The process that holds something: a detached broker, or a program or command that runs. */
export interface Holder {
  readonly pid: number;
  readonly isDetached: boolean;
}

/**
 * Ends the brokers that hold these, and says which. A program that holds one is not ours to end.
 *
 * @throws SovereignError `notFound` when there are none
 */
export async function endHeld(
  { client, isJson, output }: CommandContext,
  holders: readonly Holder[],
  what: { readonly name: string; readonly notFound: ErrorReason },
): Promise<void> {
  if (holders.length === 0) {
    throw new SovereignError({
      reason: what.notFound,
      message: `There is no ${what.name}.`,
      hint: 'See what there is with `sovereign network graph`.',
    });
  }
  const foreign = holders.find(({ isDetached }) => !isDetached);
  if (foreign !== undefined) {
    throw new SovereignError({
      reason: 'broker.not-found',
      message: `${what.name} is held by process ${foreign.pid}, which runs in the foreground or is a program of its own.`,
      hint: 'End it there: with Ctrl-C, or by what it offers.',
      context: { pid: foreign.pid },
    });
  }
  const ended = [...new Set(holders.map((holder) => holder.pid))];
  for (const pid of ended) await (await client()).endBroker(pid);
  if (isJson) await output.json({ ended });
}
