import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxSpec } from '@sovereign/core';
import type { Transport } from './container-request.ts';
import type { EngineFacts } from './engine-facts.ts';
import { seccompProfile } from './seccomp-profile.gen.ts';

/** How guests of an engine are reached: what was asked for, else a socket where its directory can be shared. */
export function transportOf(facts: EngineFacts, asked: Transport | undefined): Transport {
  if (asked !== undefined) return asked;
  // With remapped users the guest's root is nobody to whom a directory of ours could be given.
  const isRemapped = facts.hasUserNamespace && !facts.isRootless;
  return facts.isSameHost && !isRemapped ? 'socket' : 'relay';
}

/**
 * Whom commands run as. Root, unless files that they make in the workspace would then be root's: an engine without
 * user namespaces maps nobody, so there they run as the owner of the workspace.
 */
export function guestUser(
  spec: SandboxSpec,
  facts: EngineFacts,
): { readonly uid: number; readonly gid: number } {
  const root = { uid: 0, gid: 0 };
  if (spec.workspace === undefined || facts.hasUserNamespace) return root;
  const owner = statSync(spec.workspace.hostPath, { throwIfNoEntry: false });
  return owner === undefined ? root : { uid: owner.uid, gid: owner.gid };
}

/**
 * Our profile as the engine takes it: Docker itself, Podman 4 as a path of its host; without either, shelld applies its
 * own.
 *
 * @param directory Where the file for Podman is written.
 */
export function seccompOption(facts: EngineFacts, directory: string): readonly string[] {
  if (facts.product === 'Docker') return [`seccomp=${seccompProfile}`];
  if (!facts.isSameHost) return [];
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'seccomp.json');
  writeFileSync(path, seccompProfile, { mode: 0o600 });
  return [`seccomp=${path}`];
}
