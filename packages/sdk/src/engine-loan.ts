import type { SovereignRuntime } from '@sovereign/core';
import { borrowDefaultEngine } from './default-engine.ts';

/** The default engine of this process, as long as nobody gives it back. */
export interface EngineLoan {
  readonly runtime: SovereignRuntime;
  readonly release: () => Promise<void>;
  /** Takes hold of the engine once more; what comes back lets go of that. */
  readonly share: () => () => Promise<void>;
}

/** Makes something with the default engine, which is given back when that fails; else whoever has it gives it back. */
export async function onLoan<T>(make: (loan: EngineLoan) => Promise<T>): Promise<T> {
  const borrowed = borrowDefaultEngine();
  const release = (): Promise<void> => borrowed.release();
  try {
    return await make({ runtime: borrowed.engine.runtime, release, share });
  } catch (error) {
    await release();
    throw error;
  }
}

function share(): () => Promise<void> {
  const borrowed = borrowDefaultEngine();
  return () => borrowed.release();
}
