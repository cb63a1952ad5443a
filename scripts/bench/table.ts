import type { Target } from './figure.ts';
import type { JudgedFigure, JudgedSeries } from './verdict.ts';

const header = ['figure', 'ours p50 / p99', 'target', 'verdict', 'peer', 'peer p50', 'ratio'];
const gap = '  ';

/** One table for all figures; below it, why what is not in it is not. */
export function renderTable(figures: readonly JudgedFigure[]): string {
  const blocks = figures.map(blockOf);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...blocks.flat().map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    widths
      .map((width, column) => (row[column] ?? '').padEnd(width))
      .join(gap)
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join(gap);
  return [line(header), rule, ...blocks.flat().map(line), '', ...notes(figures)].join('\n');
}

/** The lines of one figure: targets, peers and facts each start at the first. */
function blockOf({ figure, ours, peers, facts, targets }: JudgedFigure): string[][] {
  const measured = [
    ourText(ours, figure.unit),
    ...facts.map(({ name, value, unit }) => `${name} ${[number(value), unit].join(' ').trim()}`),
  ];
  const height = Math.max(measured.length, targets.length, peers.length);
  return Array.from({ length: height }, (_, index) => {
    const target = targets[index];
    const peer = peers[index];
    const isOfPeer = targets.some((item) => item.target.kind === 'ratio' && item.target.as === 'ofPeer');
    return [
      index === 0 ? figure.name : '',
      measured[index] ?? '',
      target === undefined ? '' : targetText(target.target),
      target?.verdict ?? '',
      peer?.name ?? '',
      peer === undefined ? '' : peer.summary === null ? '-' : `${number(peer.summary.p50)} ${figure.unit}`,
      peer === undefined ? '' : ratioText(peer.ratio, isOfPeer),
    ];
  });
}

function ourText({ summary }: JudgedSeries, unit: string): string {
  return summary === null ? '-' : `${number(summary.p50)} / ${number(summary.p99)} ${unit}`;
}

function targetText(target: Target): string {
  const limit = `${target.limit === 'atMost' ? '≤' : '≥'} ${number(target.value)}`;
  switch (target.kind) {
    case 'stat':
      return `${target.stat} ${limit}`;
    case 'fact':
      return `${target.fact} ${limit}`;
    case 'ratio':
      return target.as === 'better' ? `${limit}× better` : `${limit} of it`;
  }
}

function ratioText(ratio: number | null, isOfPeer: boolean): string {
  if (ratio === null) return '-';
  if (isOfPeer) return `${number(1 / ratio)} of it`;
  return ratio >= 1 ? `${number(ratio)}× better` : `${number(1 / ratio)}× worse`;
}

/** Three digits that mean something. */
function number(value: number): string {
  if (Number.isInteger(value) || value >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 10 ? 1 : 2);
}

function notes(figures: readonly JudgedFigure[]): string[] {
  const whereByReason = new Map<string, Set<string>>();
  for (const { figure, ours, peers } of figures) {
    for (const { name, absent, summary } of [ours, ...peers]) {
      if (absent === undefined) continue;
      const reason = summary === null ? absent : `after ${summary.count} samples: ${absent}`;
      const where = whereByReason.get(reason) ?? new Set();
      whereByReason.set(reason, where.add(ours.name === name ? `${figure.name} (ours)` : name));
    }
  }
  return [...whereByReason].map(([reason, where]) => `- ${[...where].join('; ')}: ${reason}`);
}
