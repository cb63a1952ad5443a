import { linkFigure } from './link-figure.ts';

const mib = 512;

export const linkThroughput = linkFigure({
  name: 'link-throughput',
  title: `${mib} MiB over a link between two sandboxes`,
  unit: 'GiB/s',
  direction: 'higher',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atLeast', value: 400 / 1024 }],
  mode: 'send',
  count: mib,
  samples: [10, 3],
});
