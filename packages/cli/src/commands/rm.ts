import { SovereignError } from '@sovereign/protocol';
import type { CommandContext } from '../command-context.ts';
import { findRecord } from '../sandbox/find-record.ts';
import { forEachSandbox } from '../sandbox/for-each-sandbox.ts';

/** `sovereign rm`: one that runs only with --force. */
export function run(context: CommandContext): Promise<number> {
  const isForced = context.options.has('force');
  return forEachSandbox(context, 'Removing', async (client, idOrName) => {
    if (!isForced) {
      const { state } = await findRecord(client, idOrName);
      if (state === 'running' || state === 'paused') throw stillRuns(idOrName, state);
    }
    await client.remove(idOrName);
  });
}

function stillRuns(idOrName: string, state: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `Sandbox ${idOrName} is ${state} (expected one that is stopped).`,
    hint: `Stop it first, or remove it with everything in it: sovereign rm --force ${idOrName}`,
    context: { sandbox: idOrName, state },
  });
}
