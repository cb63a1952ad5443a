import type { HostFacts } from './host-facts.ts';
import type { JudgedFigure } from './verdict.ts';

/** What bench-results.json holds. */
export interface Results {
  readonly startedAt: string;
  readonly seconds: number;
  readonly isQuick: boolean;
  readonly host: HostFacts;
  readonly figures: readonly object[];
}

/** @param loadAverage Runnable processes over the last minute when it had been measured. */
export function figureResult(judged: JudgedFigure, loadAverage: number): object {
  const { figure, ours, peers, facts, targets, verdict } = judged;
  const { name, title, unit, direction } = figure;
  return { name, title, unit, direction, verdict, loadAverage, ours, peers, facts, targets };
}
