import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { lockHolderIsAlive, processIdentity, type SandboxId } from '@sovereign/core';
import { noControlGroups } from '../cgroups.ts';
import type { EngineHost } from '../engine-host.ts';

/**
 * Runs it while nothing in the sandbox does: one that runs is paused for that moment.
 *
 * @throws SovereignError `capability.missing` for one that runs on a host that cannot pause it
 */
export async function whileStill<T>(host: EngineHost, id: SandboxId, work: () => Promise<T>): Promise<T> {
  const guest = host.guest(id);
  if (guest.state() !== 'running') return work();
  if (!host.cgroups.controllers.includes('freezer')) throw cannotHoldStill(id);
  const note = notePath(host, id);
  // Written first, so that a crash in between leaves a pause that somebody can tell from one that was asked for.
  writeFileSync(note, JSON.stringify(processIdentity(process.pid) ?? {}), { mode: 0o600 });
  try {
    await guest.pause();
    return await work();
  } finally {
    await wake(host, id);
  }
}

/** Whether it is paused for a moment by a process that has ended since. */
export function isPausedByNobody(host: EngineHost, id: SandboxId): boolean {
  const note = notePath(host, id);
  return existsSync(note) && !lockHolderIsAlive(note);
}

/** Lets it run on after such a moment. */
export async function wake(host: EngineHost, id: SandboxId): Promise<void> {
  const guest = host.guest(id);
  if (guest.state() === 'paused') await guest.resume();
  rmSync(notePath(host, id), { force: true });
}

function cannotHoldStill(id: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: `${id} runs and cannot be held still meanwhile: ${noControlGroups.why}.`,
    hint: `Stop it first: sovereign stop ${id}`,
    context: { id },
  });
}

function notePath(host: EngineHost, id: SandboxId): string {
  return join(host.state.directory(id), 'paused-by.json');
}
