import { isAbsolute } from 'node:path';
import type {
  ImageSpec,
  LifetimeSpec,
  LimitSpec,
  SandboxId,
  SandboxSpec,
  Strategy,
  VolumeMount,
  WorkspaceSpec,
} from '../contract/sandbox-spec.ts';
import type { ImageProgress } from '../contract/images.ts';
import type { RequestedTier } from '../selection/select-backend.ts';
import { checkWorkspace, type WorkspaceCheck } from '../workspace/check-workspace.ts';
import {
  checkNonEmpty,
  checkObject,
  checkOneOf,
  checkString,
  checkWhole,
  invalid,
} from './argument-checks.ts';
import { checkEnv } from './environment.ts';
import { checkUser } from './check-user.ts';
import type { PublishOptions } from './sandbox-network.ts';

export interface WorkspaceOptions {
  /** Absolute path of a directory on the host. */
  readonly path: string;
  /** Where it appears inside. Default: what the backend chooses. */
  readonly guestPath?: string;
  /** Default false. */
  readonly isReadOnly?: boolean;
  /** Paths within it that run later on the host (`.git/hooks`, `.vscode` …) and may be changed all the same. Default: none. */
  readonly granted?: readonly string[];
  /** What is written stays beside the directory until it was reviewed and is applied. Default false. */
  readonly isReviewed?: boolean;
  /** Accepts a directory that another user owns. Default false. */
  readonly allowOtherOwner?: boolean;
}

/** What a caller asks for. Everything has a default; `{}` is a sandbox of the strongest tier without workspace and network. */
export interface CreateOptions {
  /** Unique among the sandboxes of a state directory: `[a-z0-9]`, then up to 62 of `[a-z0-9._-]`. Default: none. */
  readonly name?: string;
  /** Default `auto`. */
  readonly tier?: RequestedTier;
  /** Default `host`. A string that is not `host` is the reference of an image: `alpine:3`. */
  readonly image?: string | ImageSpec;
  /** Default: none. */
  readonly workspace?: string | WorkspaceOptions;
  readonly env?: Readonly<Record<string, string>>;
  /** Who commands run as where they do not say it: `app`, `1000:1000`. Default: USER of the image, else root. */
  readonly user?: string;
  readonly limits?: LimitSpec;
  /** Default `none`. */
  readonly network?: 'none' | 'host';
  /** What commands may connect to, by rules such as `example.com` or `*.example.com:443`; `[]` allows nothing. Default: no egress, and no proxy. */
  readonly egress?: readonly string[];
  /** Ports of the sandbox to be reached on this host, for as long as this runtime holds it. Default: none. */
  readonly ports?: readonly PublishOptions[];
  /** R-TIER-1: forces the process tier, layers that cannot be had are reported and not insisted on. Default false. */
  readonly isInsecure?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  /** Named volumes to mount. Default: none. */
  readonly volumes?: readonly VolumeMount[];
  /** How long it is meant to live. Default `service`: until it is removed. */
  readonly strategy?: Strategy;
  /** The task or session it belongs to; required by the strategies `task` and `session`, refused by the others. */
  readonly scope?: string;
  readonly lifetime?: LifetimeSpec;
  /** False makes it without starting it. Default true; the primitives that agents are given have false as their default. */
  readonly autoStart?: boolean;
  /**
   * Whether an image given by its reference is fetched first: `missing` when the engine does not have it, `always`.
   * Default `never`: nothing is fetched that was not asked for.
   */
  readonly pull?: 'missing' | 'always' | 'never';
  /** Hears how far that is. */
  readonly onPull?: (progress: ImageProgress) => void;
  readonly signal?: AbortSignal;
}

export interface SpecInit {
  readonly id: SandboxId;
  readonly createdMs: number;
  /** Labels of ours, over those that were asked for. */
  readonly labels: Readonly<Record<string, string>>;
  readonly workspaceCheck: Omit<WorkspaceCheck, 'allowOtherOwner'>;
}

const namePattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const maxLabels = 64;
const maxVolumes = 64;

/** Checks what was asked for and makes the specification of it. @throws SovereignError `argument.invalid`, `workspace.refused` */
export function buildSpec(options: CreateOptions, init: SpecInit): SandboxSpec {
  checkObject('options', options);
  if (options.name !== undefined) checkName(options.name);
  if (options.network !== undefined) checkOneOf('network', options.network, ['none', 'host']);
  if (options.isInsecure !== undefined && typeof options.isInsecure !== 'boolean')
    throw invalid('isInsecure', options.isInsecure, 'true or false');
  if (options.pull !== undefined) checkOneOf('pull', options.pull, ['missing', 'always', 'never']);
  if (options.user !== undefined) checkUser(options.user);
  checkLimits(options.limits ?? {});
  checkLabels(options.labels ?? {});
  checkStrategy(options);
  checkNetwork(options);
  const workspace = buildWorkspace(options.workspace, init.workspaceCheck);
  return {
    id: init.id,
    ...(options.name !== undefined && { name: options.name }),
    image: buildImage(options.image),
    ...(workspace && { workspace }),
    ...(options.user !== undefined && { user: options.user }),
    env: buildEnv(options.env),
    limits: { ...options.limits },
    network: options.network ?? 'none',
    isInsecure: options.isInsecure ?? false,
    ...(options.volumes && options.volumes.length > 0 && { volumes: buildVolumes(options.volumes) }),
    ...(options.strategy !== undefined && { strategy: options.strategy }),
    ...(options.scope !== undefined && { scope: options.scope }),
    ...(options.lifetime !== undefined && { lifetime: buildLifetime(options.lifetime) }),
    labels: { ...options.labels, ...init.labels },
    createdMs: init.createdMs,
  };
}

function checkNetwork(options: CreateOptions): void {
  const { egress, ports, network, autoStart } = options;
  if (egress !== undefined && !Array.isArray(egress)) throw invalid('egress', egress, 'a list of rules');
  if (ports !== undefined && !Array.isArray(ports)) throw invalid('ports', ports, 'a list of ports');
  const isWanted = egress !== undefined || (ports?.length ?? 0) > 0;
  if (isWanted && autoStart === false)
    throw invalid('egress and ports', 'given', 'none with autoStart: false; set them once it runs');
  if (egress !== undefined && network === 'host')
    throw invalid('egress', 'given', "none with network: 'host', where it keeps nothing back");
}

function checkName(name: string): void {
  checkString('name', name);
  if (!namePattern.test(name) || name.startsWith('sbx_'))
    throw invalid(
      'name',
      name,
      'a–z or 0–9, then up to 62 of a–z, 0–9, dot, dash and underscore; sbx_ is for ids',
    );
}

function buildImage(image: CreateOptions['image']): ImageSpec {
  if (image === undefined || image === 'host') return { kind: 'host' };
  if (typeof image === 'string') return { kind: 'reference', reference: checkReference(image) };
  checkObject('image', image);
  checkOneOf('image.kind', image.kind, ['host', 'rootfs', 'tar', 'reference']);
  if (image.kind === 'host') return { kind: 'host' };
  if (image.kind === 'reference') return { kind: 'reference', reference: checkReference(image.reference) };
  checkNonEmpty('image.path', image.path);
  if (!isAbsolute(image.path)) throw invalid('image.path', image.path, 'an absolute path');
  return { kind: image.kind, path: image.path };
}

/** Its grammar is the library's to judge; here it is only bounded. */
function checkReference(reference: string): string {
  checkNonEmpty('image.reference', reference);
  if (reference.length > 512) throw invalid('image.reference', reference, 'at most 512 characters');
  return reference;
}

function buildWorkspace(
  asked: CreateOptions['workspace'],
  check: SpecInit['workspaceCheck'],
): WorkspaceSpec | undefined {
  if (asked === undefined) return undefined;
  const options: WorkspaceOptions = typeof asked === 'string' ? { path: asked } : asked;
  checkObject('workspace', options);
  checkNonEmpty('workspace.path', options.path);
  const { guestPath } = options;
  if (guestPath !== undefined) checkGuestPath('workspace.guestPath', guestPath);
  return {
    hostPath: checkWorkspace(options.path, { ...check, allowOtherOwner: options.allowOtherOwner === true }),
    ...(guestPath !== undefined && { guestPath }),
    ...(options.isReadOnly !== undefined && { isReadOnly: options.isReadOnly }),
    ...(options.granted !== undefined && { granted: checkGranted(options.granted) }),
    ...(options.isReviewed === true && { isReviewed: true }),
  };
}

/** An absolute path inside, below `/`, in its plain form. */
export function checkGuestPath(name: string, path: string): void {
  checkNonEmpty(name, path);
  const isPlain =
    path.startsWith('/') &&
    path
      .split('/')
      .slice(1)
      .every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isPlain) throw invalid(name, path, 'an absolute path below / without . and ..');
}

/** One component of a path that is named by people: volumes, networks, pools. */
export function checkResourceName(what: string, name: string): void {
  checkString(what, name);
  if (!namePattern.test(name))
    throw invalid(what, name, 'a–z or 0–9, then up to 62 of a–z, 0–9, dot, dash and underscore');
}

function buildVolumes(volumes: readonly VolumeMount[]): readonly VolumeMount[] {
  const given: unknown = volumes;
  if (!Array.isArray(given) || given.length > maxVolumes)
    throw invalid('volumes', given, `a list of at most ${maxVolumes} mounts`);
  const taken = new Set<string>();
  return volumes.map((mount) => {
    checkObject('volumes', mount);
    checkResourceName('volumes.volume', mount.volume);
    checkGuestPath('volumes.guestPath', mount.guestPath);
    if (taken.has(mount.guestPath)) throw invalid('volumes.guestPath', mount.guestPath, 'each path once');
    taken.add(mount.guestPath);
    const { volume, guestPath, isReadOnly } = mount;
    return { volume, guestPath, ...(isReadOnly === true && { isReadOnly }) };
  });
}

function checkStrategy({ strategy, scope }: CreateOptions): void {
  if (strategy !== undefined) checkOneOf('strategy', strategy, ['ephemeral', 'task', 'session', 'service']);
  const isScoped = strategy === 'task' || strategy === 'session';
  if (isScoped && scope === undefined) throw invalid('scope', scope, `the name of the ${strategy}`);
  if (!isScoped && scope !== undefined)
    throw invalid('scope', scope, 'nothing: only the strategies task and session have a scope');
  if (scope !== undefined) checkResourceName('scope', scope);
}

function buildLifetime(lifetime: LifetimeSpec): LifetimeSpec {
  checkObject('lifetime', lifetime);
  const { idleMs, maxMs, onExpiry } = lifetime;
  for (const [name, value] of Object.entries({ idleMs, maxMs }))
    if (value !== undefined)
      checkWhole(`lifetime.${name}`, value, { min: 1_000, max: Number.MAX_SAFE_INTEGER });
  if (onExpiry !== undefined) checkOneOf('lifetime.onExpiry', onExpiry, ['stop', 'remove']);
  return {
    ...(idleMs !== undefined && { idleMs }),
    ...(maxMs !== undefined && { maxMs }),
    ...(onExpiry !== undefined && { onExpiry }),
  };
}

function checkGranted(granted: readonly string[]): readonly string[] {
  const given: unknown = granted;
  if (!Array.isArray(given) || given.length > 64) {
    throw invalid('workspace.granted', given, 'a list of at most 64 paths');
  }
  for (const path of granted) checkNonEmpty('workspace.granted', path);
  return [...granted];
}

function buildEnv(env: CreateOptions['env']): Readonly<Record<string, string>> {
  if (env === undefined) return {};
  checkEnv(env);
  return { ...env };
}

export function checkLimits(limits: LimitSpec): void {
  checkObject('limits', limits);
  for (const key of Object.keys(limits)) {
    if (key !== 'memoryBytes' && key !== 'pids' && key !== 'cpus')
      throw invalid('limits', key, 'memoryBytes, pids, cpus');
  }
  if (limits.memoryBytes !== undefined)
    checkWhole('limits.memoryBytes', limits.memoryBytes, { min: 1_048_576, max: Number.MAX_SAFE_INTEGER });
  if (limits.pids !== undefined) checkWhole('limits.pids', limits.pids, { min: 1, max: 4_194_304 });
  const { cpus } = limits;
  if (cpus !== undefined && !(typeof cpus === 'number' && cpus >= 0.01 && cpus <= 4096))
    throw invalid('limits.cpus', cpus, 'a number from 0.01 to 4096');
}

function checkLabels(labels: Readonly<Record<string, string>>): void {
  checkObject('labels', labels);
  const entries = Object.entries(labels);
  if (entries.length > maxLabels) throw invalid('labels', entries.length, `at most ${maxLabels}`);
  for (const [key, value] of entries) {
    if (key === '' || key.length > 128) throw invalid('labels', key, 'names of 1 to 128 characters');
    checkString(`labels.${key}`, value);
    if (value.length > 1_024) throw invalid(`labels.${key}`, value.length, 'at most 1,024 characters');
  }
}
