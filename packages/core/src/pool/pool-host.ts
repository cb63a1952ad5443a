import type { TierReport } from '@sovereign/protocol';
import type { Backend, Guest } from '../contract/backend.ts';
import type { GuestChannel } from '../contract/guest-channel.ts';
import type { SandboxSpec } from '../contract/sandbox-spec.ts';
import type { BringUpInit } from '../runtime/bring-up.ts';
import type { CreateOptions } from '../runtime/create-options.ts';
import type { SandboxHandle } from '../runtime/sandbox-handle.ts';
import type { Selection } from '../selection/select-backend.ts';

/** A guest that has been bound to whoever claimed it. */
export interface ClaimedGuest {
  readonly guest: Guest;
  readonly backend: Backend;
  readonly channel: GuestChannel;
  readonly report: TierReport;
  readonly selection: Selection['reasons'];
}

/** What pools need of the runtime that they are in. */
export interface PoolHost {
  /** How guests come up here. */
  readonly ways: Omit<BringUpInit, 'spec' | 'requested' | 'signal'>;
  /** Checks what was asked for and makes a spec of it, with a new id. */
  buildSpec(options: CreateOptions): SandboxSpec;
  /** Keeps a name for a sandbox that is on its way; call the result when it is there, or will not be. */
  reserveName(name: string | undefined): Promise<() => void>;
  /** Makes the handle of a claimed sandbox. */
  handOut(claimed: ClaimedGuest): SandboxHandle;
}
