import { openEngine, type Engine } from '@sovereign/engine';

let shared: { readonly engine: Engine; users: number } | undefined;

/** The use of an engine that several sandboxes may share. */
export interface BorrowedEngine {
  readonly engine: Engine;
  /** Closes the engine when nobody else uses it. To be called once. */
  release(): Promise<void>;
}

/**
 * The engine behind `Sandbox.create()` and its kind: opened with the first sandbox, closed with the last, so that a
 * program that only uses `Sandbox` has nothing else to hold and leaves nothing behind.
 */
export function borrowDefaultEngine(): BorrowedEngine {
  const borrowed = (shared ??= { engine: openEngine(), users: 0 });
  borrowed.users++;
  return {
    engine: borrowed.engine,
    async release() {
      if (--borrowed.users > 0) return;
      if (shared === borrowed) shared = undefined;
      await borrowed.engine.runtime.close();
    },
  };
}
