import { linkFigure } from './link-figure.ts';

export const linkLatency = linkFigure({
  name: 'link-latency',
  title: 'One byte over a link and back',
  unit: 'ms',
  direction: 'lower',
  targets: [{ kind: 'stat', stat: 'p50', limit: 'atMost', value: 0.5 }],
  mode: 'turn',
  count: 500,
  samples: [20, 5],
});
