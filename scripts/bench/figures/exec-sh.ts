import { dockerExec, execFigure } from './exec-figure.ts';

export const execSh = execFigure({
  name: 'exec-sh',
  title: 'Warm exec of sh -c true',
  command: 'sh',
  args: ['-c', 'true'],
  targets: [{ kind: 'ratio', as: 'better', peer: dockerExec, limit: 'atLeast', value: 60 }],
});
