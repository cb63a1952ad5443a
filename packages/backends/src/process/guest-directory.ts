import { bootId, isAlive, processIdentity } from '@sovereign/core';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Name of a guest's directory: it says which process owns it, so that anybody can tell when it is stale. */
export function ownDirectory(id: string): string {
  const { pid, startTicks } = processIdentity(process.pid) ?? { pid: process.pid, startTicks: 0 };
  return `process-${pid}-${startTicks}-${id}`;
}

/** Deletes the directories of processes that are gone: what a crash left between making and using one. */
export function sweepStale(runtimeDirectory: string): void {
  let names: string[];
  try {
    names = readdirSync(runtimeDirectory);
  } catch {
    return;
  }
  for (const name of names) {
    const match = /^process-(\d+)-(\d+)-sbx_[0-9a-z]{12}$/.exec(name);
    if (match === null) continue;
    const owner = { pid: Number(match[1]), startTicks: Number(match[2]), bootId: bootId() };
    if (!isAlive(owner)) rmSync(join(runtimeDirectory, name), { recursive: true, force: true });
  }
}
