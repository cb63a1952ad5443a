import type { SandboxId } from '@sovereign/core';

const firstUid = 1_600_000_000;
const uids = 400_000_000;

/**
 * The user that a jailed monitor runs as: one for each machine, so that one that is taken over reaches neither the host's
 * files nor another machine's. The range lies above those that systems give out, and within what an id map takes.
 */
export function jailUser(sandbox: SandboxId): number {
  let hash = 0x811c9dc5;
  for (const character of sandbox) {
    hash ^= character.charCodeAt(0);
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return firstUid + (hash % uids);
}
