import type { UserConfig } from '../config/user-config.ts';
import type { Actor } from '../contract/action.ts';
import type { Backend } from '../contract/backend.ts';
import type { Brokering } from '../contract/brokering.ts';
import type { SandboxId } from '../contract/sandbox-spec.ts';
import type { Clock } from '../identity/clock.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { OpenChannel } from './connect-verified.ts';

export interface SovereignRuntimeOptions {
  /** What sandboxes can run on, in no particular order. */
  readonly backends: readonly Backend[];
  /** Closed together with the runtime. */
  readonly ledger: Ledger;
  readonly actor: Actor;
  readonly openChannel: OpenChannel;
  /** Egress, published ports and links. Without it what needs them is refused. */
  readonly brokering?: Brokering;
  readonly config?: UserConfig;
  /** Directories that no workspace may hold or lie in: those of our own state. */
  readonly protectedPaths?: readonly string[];
  /** How long a new sandbox may take to answer. Default 10,000. */
  readonly healthTimeoutMs?: number;
  /**
   * Directory in which it is kept when something was last done with sandboxes that have an idle limit, for other processes
   * and the next one. Default: in memory only.
   */
  readonly activityDirectory?: string;
  readonly clock?: Clock;
  readonly createId?: () => SandboxId;
  /** Whose workspaces these are. Default: the user and home of this process. */
  readonly owner?: { readonly uid: number; readonly home: string };
}
