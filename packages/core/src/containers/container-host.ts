import type { Backend, Guest } from '../contract/backend.ts';
import type { SandboxId, SandboxSpec } from '../contract/sandbox-spec.ts';
import type { Clock } from '../identity/clock.ts';
import type { ActionPath } from '../runtime/action-path.ts';
import type { CreateOptions } from '../runtime/create-options.ts';
import type { SandboxListing } from '../runtime/sandbox-directory.ts';
import type { SandboxHandle } from '../runtime/sandbox-handle.ts';
import type { EngineChoice } from './engine-choice.ts';

/** A guest where its backend keeps it; nobody has spoken to it for this. */
export interface FoundGuest {
  readonly guest: Guest;
  readonly backend: Backend;
}

/** What the container primitives stand on: the runtime, as far as they need it. */
export interface ContainerHost {
  readonly actions: ActionPath;
  readonly engines: EngineChoice;
  readonly clock: Clock;
  create(options: CreateOptions): Promise<SandboxHandle>;
  /** The one handle of a sandbox; a running one is connected to and checked. @throws SovereignError `sandbox.not-found` */
  attach(idOrName: string): Promise<SandboxHandle>;
  /** Looks it up without connecting. @throws SovereignError `sandbox.not-found` */
  find(idOrName: string): Promise<FoundGuest>;
  list(): Promise<SandboxListing>;
  remove(idOrName: string): Promise<void>;
  /** Checks options, and that the name is free, and makes a specification of them; `run` makes the sandbox of it. */
  withSpec<T>(options: CreateOptions, run: (spec: SandboxSpec) => Promise<T>): Promise<T>;
  /** Lets go of the channel to a sandbox that something else has stopped or removed. */
  forget(id: SandboxId): Promise<void>;
}
