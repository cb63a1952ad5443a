import type { BackendName, TierReport } from '@sovereign/protocol';
import type { Capabilities, Guest } from '../contract/backend.ts';
import type { SandboxId } from '../contract/sandbox-spec.ts';
import type { ActionPath } from './action-path.ts';
import type { ChannelHolder } from './channel-holder.ts';
import type { Environment } from './environment.ts';

/** What is known of a session that was opened through this handle. */
export interface SessionLayer {
  readonly cwd: string;
  readonly env: Environment;
}

/** One sandbox as its handle, commands, files and sessions share it. Not part of the public surface. */
export interface LiveSandbox {
  readonly id: SandboxId;
  readonly backend: BackendName;
  readonly guest: Guest;
  readonly capabilities: Capabilities;
  readonly actions: ActionPath;
  readonly channels: ChannelHolder;
  readonly workspacePath: string;
  /** Who its commands run as where they do not say. */
  readonly user: string | undefined;
  /** The image's environment, that of the egress proxy, and the spec's over them. */
  env: Environment;
  /** Whether its backend still knows it, in whatever state. */
  readonly exists: () => Promise<boolean>;
  readonly sessions: Map<number, SessionLayer>;
  /** As verified when the channel was opened last. */
  report: TierReport;
}
