import type { BackendName, Tier } from '@sovereign/protocol';
import type { GuestState } from './backend.ts';
import type { EgressRecord, LinkRecord, PublishedPort } from './brokering.ts';
import type { NetworkRecord } from './container-engine.ts';
import type { SandboxId } from './sandbox-spec.ts';

/** The process by which something is brokered, and with which it ends. */
export interface Holder {
  readonly pid: number;
  readonly isDetached: boolean;
}

export interface TopologySandbox {
  readonly id: SandboxId;
  readonly name: string | null;
  readonly backend: BackendName;
  readonly tier: Tier;
  readonly state: GuestState;
  readonly hasHostNetwork: boolean;
  readonly exposedPorts: readonly number[];
  /** Rules of its egress; null when it has none. */
  readonly egress: readonly string[] | null;
}

/** Who can reach whom, as plain data: sandboxes and networks are nodes, links, members and published ports are edges. */
export interface NetworkTopology {
  readonly sandboxes: readonly TopologySandbox[];
  readonly networks: readonly NetworkRecord[];
  readonly links: readonly (LinkRecord & Holder)[];
  readonly ports: readonly (PublishedPort & Holder)[];
  readonly egress: readonly (EgressRecord & Holder)[];
}
