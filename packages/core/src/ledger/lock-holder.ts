import { readlinkSync } from 'node:fs';
import { bootId, processIdentity } from '../identity/process-identity.ts';
import type { LockHolder } from './lane-files.ts';

/** This process, as it is named in lock files. */
export function ownIdentity(): LockHolder {
  return {
    pid: process.pid,
    startTicks: startTicks(process.pid),
    bootId: bootId(),
    pidNamespace: pidNamespace(),
  };
}

/**
 * True when the process that made a lock is there, or might be: a process of another PID namespace cannot be seen from
 * here, so its lock is respected.
 */
export function isAlive(holder: LockHolder, self: LockHolder): boolean {
  if (holder.bootId !== self.bootId) return false;
  if (holder.pidNamespace !== self.pidNamespace) return true;
  if (holder.startTicks !== '0') return startTicks(holder.pid) === holder.startTicks;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** `0` where it cannot be known. */
function startTicks(pid: number): string {
  return String(processIdentity(pid)?.startTicks ?? 0);
}

function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';
  } catch {
    return '0';
  }
}
