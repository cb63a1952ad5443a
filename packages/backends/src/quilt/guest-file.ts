import * as v from 'valibot';
import { parseStateFile, stateCount, stateText, type ProcessIdentity } from '@sovereign/core';

/** What is known of a running guest. */
export interface GuestFile extends ProcessIdentity {
  readonly workspaceOwnership: 'mapped' | 'owner' | 'plain';
}

const guestSchema = v.strictObject({
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(2)),
  startTicks: stateCount,
  bootId: stateText,
  workspaceOwnership: v.picklist(['mapped', 'owner', 'plain']),
});

/** @throws SovereignError `sandbox.state-corrupt` */
export function parseGuestFile(path: string, content: string): GuestFile {
  return parseStateFile(guestSchema, path, content);
}
