import type { Figure, Measured, Series, Target } from './figure.ts';
import { summarize, type Direction, type Summary } from './stats.ts';

/** `open`: what the target compares with was not measured. */
export type Verdict = 'reached' | 'missed' | 'open';

export interface JudgedTarget {
  readonly target: Target;
  /** What stands against the target's value; null when it was not measured. */
  readonly measured: number | null;
  readonly verdict: Verdict;
}

export interface JudgedSeries {
  readonly name: string;
  /** Null without samples; `absent` then says why. */
  readonly summary: Summary | null;
  readonly absent?: string;
  /** How many times better ours is, by the medians. */
  readonly ratio: number | null;
}

export interface JudgedFigure {
  readonly figure: Figure;
  readonly ours: JudgedSeries;
  readonly peers: readonly JudgedSeries[];
  readonly facts: NonNullable<Measured['facts']>;
  readonly targets: readonly JudgedTarget[];
  readonly verdict: Verdict;
}

export function judge(figure: Figure, measured: Measured): JudgedFigure {
  const { direction } = figure;
  const ours = summary(measured.ours, direction);
  const peers = measured.peers.map((peer): JudgedSeries => {
    const own = summary(peer, direction);
    const ratio = ours === null || own === null ? null : timesBetter(ours.p50, own.p50, direction);
    return { ...nameOf(peer), summary: own, ratio };
  });
  const facts = measured.facts ?? [];
  const targets = figure.targets.map((target): JudgedTarget => {
    const value = measuredFor(target, { ours, peers, facts });
    return { target, measured: value, verdict: value === null ? 'open' : verdictOf(target, value) };
  });
  return {
    figure,
    ours: { ...nameOf(measured.ours), summary: ours, ratio: null },
    peers,
    facts,
    targets,
    verdict: worst(targets.map(({ verdict }) => verdict)),
  };
}

function measuredFor(
  target: Target,
  { ours, peers, facts }: { ours: Summary | null } & Pick<JudgedFigure, 'peers' | 'facts'>,
): number | null {
  switch (target.kind) {
    case 'stat':
      return ours?.[target.stat] ?? null;
    case 'fact':
      return facts.find(({ name }) => name === target.fact)?.value ?? null;
    case 'ratio': {
      const ratio = peers.find(({ name }) => name === target.peer)?.ratio ?? null;
      return ratio === null || target.as === 'better' ? ratio : 1 / ratio;
    }
  }
}

function verdictOf({ limit, value }: Target, measured: number): Verdict {
  return (limit === 'atMost' ? measured <= value : measured >= value) ? 'reached' : 'missed';
}

function worst(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('missed')) return 'missed';
  return verdicts.includes('open') ? 'open' : 'reached';
}

const timesBetter = (ours: number, peer: number, direction: Direction): number =>
  direction === 'lower' ? peer / ours : ours / peer;

function summary({ samples }: Series, direction: Direction): Summary | null {
  return samples.length === 0 ? null : summarize(samples, direction);
}

function nameOf({ name, absent }: Series): { readonly name: string; readonly absent?: string } {
  return absent === undefined ? { name } : { name, absent };
}
