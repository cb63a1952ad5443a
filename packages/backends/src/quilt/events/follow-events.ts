import { watch } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { SovereignError } from '@sovereign/protocol';
import { isAlive, type EngineEvent, type SandboxId } from '@sovereign/core';
import type { EngineHost } from '../engine-host.ts';

/** How often it is looked whether a guest has ended by itself: nothing tells of that. Only while somebody listens. */
const lookMs = 1_000;

/**
 * What happens from now on, until the signal: what any process of ours logs, and guests that end without anybody having
 * stopped them.
 */
export async function* followEvents(host: EngineHost, signal: AbortSignal): AsyncIterable<EngineEvent> {
  let cursor = host.events.end();
  let alive = aliveGuests(host);
  /** Guests that have ended, and since when nobody has said why. */
  const gone = new Map<string, number>();
  while (!signal.aborted) {
    const now = aliveGuests(host);
    for (const id of alive) if (!now.has(id)) gone.set(id, Date.now());
    alive = now;
    const read = host.events.since(cursor);
    cursor = read.cursor;
    for (const event of read.events) {
      if (event.kind === 'stopped' || event.kind === 'removed' || event.kind === 'started')
        gone.delete(event.subject);
      yield event;
    }
    for (const [id, sinceMs] of gone) {
      // Whoever stops one says so a moment after it has ended.
      if (Date.now() - sinceMs < lookMs) continue;
      gone.delete(id);
      yield { atMs: sinceMs, kind: 'died', subject: id };
    }
    await changed(host.events.path, signal);
  }
}

function aliveGuests(host: EngineHost): ReadonlySet<SandboxId> {
  const guests = host.state.ids().filter((id) => {
    try {
      const guest = host.state.readGuest(id);
      return guest !== undefined && isAlive(guest);
    } catch (error) {
      if (error instanceof SovereignError) return false;
      throw error;
    }
  });
  return new Set(guests);
}

/** Resolves when the log has changed, or after `lookMs`. */
async function changed(path: string, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const watcher = watch(path, { signal: either, persistent: false }, () => {
    done.abort();
  });
  watcher.on('error', () => undefined);
  await delay(lookMs, undefined, { signal: either }).catch(() => undefined);
  done.abort();
}
