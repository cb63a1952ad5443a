import type { EngineEvent } from '@sovereign/core';

/** What happens in a fake engine, told to everybody who listens. */
export class FakeEvents {
  readonly #listeners = new Set<(event: EngineEvent) => void>();

  tell(kind: EngineEvent['kind'], subject: string): void {
    const event = { atMs: Date.now(), kind, subject };
    for (const listener of this.#listeners) listener(event);
  }

  /** Everything from the call on, not only from the first look at it. */
  listen(signal: AbortSignal): AsyncIterable<EngineEvent> {
    const waiting: EngineEvent[] = [];
    let wake: () => void = () => undefined;
    const listener = (event: EngineEvent): void => {
      waiting.push(event);
      wake();
    };
    const onAbort = (): void => {
      this.#listeners.delete(listener);
      wake();
    };
    if (!signal.aborted) this.#listeners.add(listener);
    signal.addEventListener('abort', onAbort, { once: true });
    const leave = (): void => this.#leave(listener, signal, onAbort);
    return (async function* () {
      try {
        for (;;) {
          const event = waiting.shift();
          if (event !== undefined) yield event;
          else if (signal.aborted) return;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        leave();
      }
    })();
  }

  #leave(listener: (event: EngineEvent) => void, signal: AbortSignal, onAbort: () => void): void {
    this.#listeners.delete(listener);
    signal.removeEventListener('abort', onAbort);
  }
}
