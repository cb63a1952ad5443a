import type { Guest, SandboxId, SandboxSpec } from '@sovereign/core';
import type { LaunchHelper } from '@sovereign/guest';
import type { Cgroups } from './cgroups.ts';
import type { EventLog } from './events/event-log.ts';
import type { QuiltGuest } from './quilt-guest.ts';
import type { QuiltState } from './quilt-state.ts';
import type { ScratchOptions } from './scratch-guest.ts';
import type { GuestVisitor } from './visit.ts';

/** What volumes, networks, layers and reviews need of the backend. */
export interface EngineHost {
  /** Directory of everything of quilt that outlives this process. */
  readonly directory: string;
  /** Directory of sockets and of what lives until the next boot. */
  readonly runtimeDirectory: string;
  readonly state: QuiltState;
  readonly cgroups: Cgroups;
  readonly helper: LaunchHelper;
  readonly visitor: GuestVisitor;
  readonly events: EventLog;
  readonly scratch: ScratchOptions;
  /** @throws SovereignError `sandbox.not-found` */
  guest(id: SandboxId): QuiltGuest;
  /** Where its workspace is inside; `/` without one. */
  workspacePath(id: SandboxId): string;
  /** The scratch options with which a guest has the same image as that sandbox. */
  scratchLike(spec: SandboxSpec): Promise<ScratchOptions>;
  /** Makes a sandbox in state `created` with the image of another, whose layer is taken from there: it is moved. */
  defineWithLayer(spec: SandboxSpec, of: SandboxId, layer: string): Promise<Guest>;
  /** Deletes what is in a directory with the rights of a guest's root. */
  emptyAsGuest(directory: string): Promise<void>;
}
