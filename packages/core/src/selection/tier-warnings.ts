import type { TierReport } from '@sovereign/protocol';

/** What a user is told when the tier is weaker than they may think (R-TIER-10). Empty for the other tiers. */
export function tierWarnings(report: TierReport, isInsecure: boolean): readonly string[] {
  if (report.tier !== 'process') return [];
  const active = report.layers.filter((layer) => layer.state === 'active').map((layer) => layer.name);
  const missing = report.layers
    .filter((layer) => layer.state === 'failed' || layer.state === 'unsupported')
    .map((layer) => layer.name);
  const base = isInsecure
    ? 'Degraded mode (--insecure): commands run on the host; a layer that could not be had was not insisted on.'
    : 'Degraded mode: commands run as processes of the host, held by layers of its kernel and not by a container or virtual machine.';
  return [
    `${base} Active: ${active.length === 0 ? 'none' : active.join(', ')}.${missing.length === 0 ? '' : ` Not available: ${missing.join(', ')}.`}`,
  ];
}
