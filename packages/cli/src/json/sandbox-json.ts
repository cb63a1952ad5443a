import type { GuestRecord, Sandbox, SelectionStep, TierReport } from '@sovereign/sdk';

/** A sandbox of this call, as --json shows it. */
export interface SandboxJson {
  readonly id: string;
  readonly name: string | null;
  readonly workspacePath: string;
  /** `Runtime: <name> (Tier <n>)` */
  readonly runtimeLine: string;
  readonly runtime: TierReport;
  readonly warnings: readonly string[];
  readonly selection: readonly SelectionStep[];
}

export function sandboxJson(sandbox: Sandbox): SandboxJson {
  const { id, name, workspacePath, runtimeLine, runtime, warnings, selection } = sandbox;
  return { id, name: name ?? null, workspacePath, runtimeLine, runtime, warnings, selection };
}

/** A sandbox of a list, as --json shows it. Values of environment variables are no one's business: names only. */
export interface RecordJson {
  readonly id: string;
  readonly name: string | null;
  readonly backend: string;
  readonly state: string;
  readonly problem: string | null;
  readonly workspace: GuestRecord['spec']['workspace'] | null;
  readonly image: GuestRecord['spec']['image'];
  readonly network: string;
  readonly isInsecure: boolean;
  readonly limits: GuestRecord['spec']['limits'];
  readonly volumes: NonNullable<GuestRecord['spec']['volumes']>;
  readonly strategy: NonNullable<GuestRecord['spec']['strategy']>;
  readonly scope: string | null;
  readonly lifetime: NonNullable<GuestRecord['spec']['lifetime']>;
  readonly envNames: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly createdMs: number;
}

export function recordJson({ id, backend, spec, state, problem }: GuestRecord): RecordJson {
  const { name, workspace, image, network, isInsecure, limits, env, labels, createdMs } = spec;
  const { volumes, strategy, scope, lifetime } = spec;
  return {
    id,
    name: name ?? null,
    backend,
    state,
    problem: problem ?? null,
    workspace: workspace ?? null,
    image,
    network,
    isInsecure,
    limits,
    volumes: volumes ?? [],
    strategy: strategy ?? 'service',
    scope: scope ?? null,
    lifetime: lifetime ?? {},
    envNames: Object.keys(env),
    labels,
    createdMs,
  };
}
