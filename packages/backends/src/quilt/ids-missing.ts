import { SovereignError } from '@sovereign/protocol';
import type { Shortfall } from '@sovereign/core';
import { idShortfall } from './id-shortfall.ts';

const beyondAll: Shortfall = {
  why: 'guests have 65,536 ids at most, and those of a user as many as subuid(5) grants',
  hint: 'Be granted more, or have the image made with owners among them.',
};

/**
 * That files belong to somebody of whom the guest knows nothing, if that is what tar complained of (chown(2), EINVAL).
 *
 * They are not given to anybody else: what was then committed or saved would be another image, with files that its
 * programs refuse.
 */
export function idsMissing(said: string): SovereignError | undefined {
  const [, uid, gid] = /Cannot change ownership to uid (\d+), gid (\d+): Invalid argument/.exec(said) ?? [];
  if (uid === undefined || gid === undefined) return undefined;
  const { why, hint } = idShortfall() ?? beyondAll;
  return new SovereignError({
    reason: 'image.ids-missing',
    message: `The image has files of user ${uid} and group ${gid}, which no guest here can have: ${why}.`,
    hint,
    context: { uid: Number(uid), gid: Number(gid) },
  });
}
