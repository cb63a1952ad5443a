import { tierRank, type BackendName, type Tier } from '@sovereign/protocol';
import type { Backend, GuestRecord, GuestState } from '../contract/backend.ts';
import type {
  ImageSpec,
  LifetimeSpec,
  LimitSpec,
  SandboxId,
  SandboxSpec,
  Strategy,
  VolumeMount,
} from '../contract/sandbox-spec.ts';

/** A container as lists show it: plain data, without the values of its environment. */
export interface ContainerSummary {
  readonly id: SandboxId;
  readonly name: string | null;
  readonly backend: BackendName;
  readonly tier: Tier;
  /** As its live processes show it, never as a record remembers it. */
  readonly state: GuestState;
  /** What is wrong with a broken one, and what to do. */
  readonly problem: string | null;
  readonly image: ImageSpec;
  readonly strategy: Strategy;
  /** The task or session that it belongs to. */
  readonly scope: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdMs: number;
}

/** Everything that is known of one container. */
export interface ContainerStatus extends ContainerSummary {
  /** `container (Tier 2)` and the like. */
  readonly tierLine: string;
  readonly isIsolated: boolean;
  readonly workspace: { readonly hostPath: string; readonly guestPath: string } | null;
  readonly volumes: readonly VolumeMount[];
  readonly limits: LimitSpec;
  readonly network: SandboxSpec['network'];
  readonly envNames: readonly string[];
  readonly lifetime: LifetimeSpec;
}

export function summaryOf(
  { spec, state, problem }: Pick<GuestRecord, 'spec' | 'state' | 'problem'>,
  backend: Pick<Backend, 'name' | 'tier'>,
): ContainerSummary {
  return {
    id: spec.id,
    name: spec.name ?? null,
    backend: backend.name,
    tier: backend.tier,
    state,
    problem: problem ?? null,
    image: spec.image,
    strategy: spec.strategy ?? 'service',
    scope: spec.scope ?? null,
    labels: spec.labels,
    createdMs: spec.createdMs,
  };
}

export function statusOf(
  record: Pick<GuestRecord, 'spec' | 'state' | 'problem'>,
  backend: Backend,
  workspacePath: string,
): ContainerStatus {
  const { workspace, volumes, limits, network, env, lifetime } = record.spec;
  return {
    ...summaryOf(record, backend),
    tierLine: `${backend.tier} (Tier ${tierRank[backend.tier]})`,
    isIsolated: backend.capabilities.isIsolated,
    workspace: workspace === undefined ? null : { hostPath: workspace.hostPath, guestPath: workspacePath },
    volumes: volumes ?? [],
    limits,
    network,
    envNames: Object.keys(env),
    lifetime: lifetime ?? {},
  };
}
