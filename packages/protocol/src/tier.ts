/** Kinds of isolation, strongest first. The number is the tier's rank as shown to people: 1 is strongest. */
export const tiers = ['microvm', 'container', 'appcontainer', 'process'] as const;
export type Tier = (typeof tiers)[number];

/** Rank of a tier in `Runtime: <name> (Tier <n>)`. */
export const tierRank: Readonly<Record<Tier, number>> = {
  microvm: 1,
  container: 2,
  appcontainer: 3,
  process: 4,
};

/** Backends by name. A backend has one tier; several backends may share one. */
export const backendNames = [
  'process',
  'quilt',
  'docker',
  'qemu',
  'firecracker',
  'docker-sandbox',
  'appcontainer',
  'kubernetes',
  'fake',
] as const;
export type BackendName = (typeof backendNames)[number];

/** What became of a layer of isolation, as verified from inside the guest. */
export type LayerState = 'active' | 'failed' | 'unsupported' | 'notRequested';

/** One layer of isolation. `name` is the mechanism in the field's words: `landlock`, `seccomp`, `mount-namespace` … */
export interface Layer {
  readonly name: string;
  readonly state: LayerState;
  readonly detail: string;
}

/**
 * What a result says of where it ran (R-TIER-10). `layers` holds what was verified from inside, and behind it what only the
 * backend can see from outside, such as the network policy of a virtual machine.
 */
export interface TierReport {
  readonly type: BackendName;
  readonly tier: Tier;
  readonly isIsolated: boolean;
  readonly layers: readonly Layer[];
}

/** The one line for the user. */
export function runtimeLine(report: Pick<TierReport, 'type' | 'tier'>): string {
  return `Runtime: ${report.type} (Tier ${tierRank[report.tier]})`;
}
