import type { Backend, Probe } from '../contract/backend.ts';
import type { Clock } from '../identity/clock.ts';

/** A backend that works rarely stops working; one that does not may be being repaired right now. */
const defaults = { availableMs: 30_000, unavailableMs: 3_000 } as const;

export interface ProbeCacheInit {
  readonly clock: Clock;
  /** How long a good answer holds. Default 30 s. */
  readonly availableMs?: number;
  /** How long a bad answer holds. Default 3 s. */
  readonly unavailableMs?: number;
}

interface Entry {
  readonly probe: Promise<Probe>;
  /** Undefined while it runs. */
  untilMs: number | undefined;
}

/** Answers of backends to "can you run here", kept for a short time; callers at the same time share one probe. */
export class ProbeCache {
  readonly #init: ProbeCacheInit;
  readonly #entries = new Map<Backend, Entry>();

  constructor(init: ProbeCacheInit) {
    this.#init = init;
  }

  probe(backend: Backend): Promise<Probe> {
    const known = this.#entries.get(backend);
    if (
      known !== undefined &&
      (known.untilMs === undefined || this.#init.clock.monotonicMs() < known.untilMs)
    )
      return known.probe;
    const entry: Entry = { probe: tryProbe(backend), untilMs: undefined };
    this.#entries.set(backend, entry);
    void entry.probe.then((probe) => {
      const holdsMs = probe.ok
        ? (this.#init.availableMs ?? defaults.availableMs)
        : (this.#init.unavailableMs ?? defaults.unavailableMs);
      entry.untilMs = this.#init.clock.monotonicMs() + holdsMs;
    });
    return entry.probe;
  }

  /** A guest could not be brought up: what was believed of the backend is asked again. */
  forget(backend: Backend): void {
    this.#entries.delete(backend);
  }
}

async function tryProbe(backend: Backend): Promise<Probe> {
  try {
    return await backend.probe();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: `its probe failed: ${reason}`, hint: 'Run doctor for what is missing.' };
  }
}
