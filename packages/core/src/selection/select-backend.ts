import { backendNames, SovereignError, tiers, type BackendName, type Tier } from '@sovereign/protocol';
import type { Backend } from '../contract/backend.ts';
import type { SandboxSpec } from '../contract/sandbox-spec.ts';
import type { ProbeCache } from './probe-cache.ts';

/** `auto`, a tier or a backend by name. */
export type RequestedTier = 'auto' | Tier | BackendName;

export interface SelectionRequest {
  readonly requested: RequestedTier;
  readonly backends: readonly Backend[];
  readonly probes: ProbeCache;
  /** Tiers that `auto` may take, first one preferred. Default: strongest first. */
  readonly tierOrder?: readonly Tier[];
  /** Forces the process tier. */
  readonly isInsecure?: boolean;
  /** The image is not `host`: only backends with images can serve it. */
  readonly needsImages?: boolean;
  /** Something of the host is to be seen inside: the image `host`, a workspace, a volume. */
  readonly needsHostFiles?: boolean;
  /** What is asked for is an image, a volume or a network: only container engines have them. */
  readonly needsEngine?: boolean;
}

/** What became of one backend that was considered. */
export interface SelectionStep {
  readonly backend: BackendName;
  readonly tier: Tier;
  readonly verdict: 'taken' | 'passedOver';
  readonly reason: string;
  /** What would make it available; empty when it was taken. */
  readonly hint: string;
}

export interface Selection {
  readonly backend: Backend;
  /** In the order in which they were considered; the last one was taken. */
  readonly reasons: readonly SelectionStep[];
}

/** Backends of one tier, preferred first: of the container engines our own, which needs no daemon. */
const preference: readonly BackendName[] = [
  'firecracker',
  'qemu',
  'docker-sandbox',
  'quilt',
  'docker',
  'kubernetes',
  'appcontainer',
  'process',
  'fake',
];

/**
 * Chooses the backend for a sandbox (R-TIER-8). `auto` takes the first available one in the order of tiers and says of
 * each that it passed over why; a tier or backend asked for by name is taken or refused, never replaced by a weaker one.
 * @throws SovereignError `tier.unavailable`, `tier.none-available`, `argument.invalid`
 */
export async function selectBackend(request: SelectionRequest): Promise<Selection> {
  const candidates = candidatesOf(request);
  const reasons: SelectionStep[] = [];
  for (const backend of candidates) {
    const step = await consider(backend, request);
    reasons.push(step);
    if (step.verdict === 'taken') return { backend, reasons };
  }
  throw refusal(request, reasons);
}

async function consider(backend: Backend, request: SelectionRequest): Promise<SelectionStep> {
  const step = { backend: backend.name, tier: backend.tier } as const;
  if (request.needsImages === true && !backend.capabilities.hasImages) {
    return {
      ...step,
      verdict: 'passedOver',
      reason: 'it runs the host image only',
      hint: 'Leave the image out, or take a backend with images.',
    };
  }
  if (request.needsHostFiles === true && backend.capabilities.isSealed === true) {
    return {
      ...step,
      verdict: 'passedOver',
      reason: 'it shows its guests no directory of the host',
      hint: 'Give it an image and leave the workspace out, or take another backend.',
    };
  }
  if (request.needsEngine === true && backend.engine === undefined) {
    return {
      ...step,
      verdict: 'passedOver',
      reason: 'it is no container engine',
      hint: 'Take a backend of the container tier.',
    };
  }
  const probe = await request.probes.probe(backend);
  if (probe.ok && probe.byNameOnly !== undefined && request.requested === 'auto') {
    const hint = `Ask for it by name: --tier ${backend.name}`;
    return { ...step, verdict: 'passedOver', reason: probe.byNameOnly, hint };
  }
  if (probe.ok) return { ...step, verdict: 'taken', reason: probe.detail, hint: '' };
  return { ...step, verdict: 'passedOver', reason: probe.reason, hint: probe.hint };
}

function candidatesOf(request: SelectionRequest): readonly Backend[] {
  const { requested } = request;
  const all = request.backends.toSorted((a, b) => preference.indexOf(a.name) - preference.indexOf(b.name));
  if (request.isInsecure === true) {
    const isOther =
      requested !== 'auto' &&
      requested !== 'process' &&
      !all.some((one) => one.name === requested && one.tier === 'process');
    if (isOther)
      throw invalid(
        `Tier: ${requested} with insecure (expected process or auto).`,
        'Insecure forces the process tier; leave one of the two out.',
      );
    return all.filter((one) => one.tier === 'process');
  }
  if (requested === 'auto') {
    const order = request.tierOrder ?? tiers;
    return order.flatMap((tier) => all.filter((one) => one.tier === tier));
  }
  if (isOneOf(tiers, requested)) return all.filter((one) => one.tier === requested);
  if (isOneOf(backendNames, requested)) return all.filter((one) => one.name === requested);
  throw invalid(
    `Tier: ${JSON.stringify(String(requested).slice(0, 64))} (expected auto, a tier or a backend).`,
    `Tiers: ${tiers.join(', ')}. Backends: ${request.backends.map((one) => one.name).join(', ')}.`,
  );
}

function isOneOf<T extends string>(known: readonly T[], text: string): text is T {
  return known.some((one) => one === text);
}

function refusal(request: SelectionRequest, reasons: readonly SelectionStep[]): SovereignError {
  const found = reasons.map((step) => `${step.backend}: ${step.reason.replace(/\.$/, '')}`).join('; ');
  const hints = [...new Set(reasons.map((step) => step.hint))].join(' ');
  if (request.requested === 'auto' && request.isInsecure !== true) {
    return new SovereignError({
      reason: 'tier.none-available',
      message: `No tier is available: ${found === '' ? 'the configured order names none that this build has' : found}.`,
      hint: hints === '' ? 'Name a tier in tierOrder of your configuration.' : hints,
    });
  }
  const tier = request.isInsecure === true ? 'process' : request.requested;
  return new SovereignError({
    reason: 'tier.unavailable',
    message: `Tier ${tier} is not available: ${found === '' ? 'this build has no backend for it' : found}.`,
    hint: hints === '' ? 'Ask for another tier by name, or for auto.' : hints,
    context: { tier },
  });
}

function invalid(message: string, hint: string): SovereignError {
  return new SovereignError({ reason: 'argument.invalid', message, hint });
}

/** Whether a sandbox is to see something of the host's files. */
export function needsHostFiles({ image, workspace, volumes = [] }: SandboxSpec): boolean {
  return image.kind === 'host' || workspace !== undefined || volumes.length > 0;
}
