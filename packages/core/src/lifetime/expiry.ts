import type { GuestRecord } from '../contract/backend.ts';

/** When a sandbox is to be stopped or removed, and by which of its own limits. */
export interface Expiry {
  /** Unix time in milliseconds. */
  readonly dueMs: number;
  readonly limit: 'idle' | 'age';
  readonly act: 'stop' | 'remove';
}

/**
 * The next expiry of a sandbox; undefined for one without limits, and for one that is stopped already and to be kept.
 */
export function expiryOf(
  { spec, state }: Pick<GuestRecord, 'spec' | 'state'>,
  lastMs: number,
): Expiry | undefined {
  const { lifetime, createdMs } = spec;
  if (lifetime === undefined) return undefined;
  const act = lifetime.onExpiry ?? 'stop';
  if (act === 'stop' && state !== 'running' && state !== 'paused') return undefined;
  const idleMs = lifetime.idleMs === undefined ? Infinity : lastMs + lifetime.idleMs;
  const ageMs = lifetime.maxMs === undefined ? Infinity : createdMs + lifetime.maxMs;
  const dueMs = Math.min(idleMs, ageMs);
  if (dueMs === Infinity) return undefined;
  return { dueMs, limit: ageMs <= idleMs ? 'age' : 'idle', act };
}
