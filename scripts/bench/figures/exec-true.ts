import { dockerExec, execFigure } from './exec-figure.ts';

export const execTrue = execFigure({
  name: 'exec-true',
  title: 'Warm exec of true',
  command: 'true',
  args: [],
  targets: [
    { kind: 'stat', stat: 'p50', limit: 'atMost', value: 0.9 },
    { kind: 'stat', stat: 'p99', limit: 'atMost', value: 5 },
    { kind: 'ratio', as: 'better', peer: dockerExec, limit: 'atLeast', value: 50 },
  ],
});
