import type { GuestRecord, Sovereign } from '@sovereign/sdk';
import { SovereignError } from '@sovereign/protocol';

/** A sandbox of the list by id or name. @throws SovereignError `sandbox.not-found` */
export async function findRecord(client: Sovereign, idOrName: string): Promise<GuestRecord> {
  const { sandboxes } = await client.list();
  const found = sandboxes.find(({ id, spec }) => id === idOrName || spec.name === idOrName);
  if (found !== undefined) return found;
  throw new SovereignError({
    reason: 'sandbox.not-found',
    message: `No sandbox has the id or name ${idOrName.slice(0, 64)}.`,
    hint: 'List them with `sovereign ps --all`.',
    context: { sandbox: idOrName.slice(0, 64) },
  });
}
