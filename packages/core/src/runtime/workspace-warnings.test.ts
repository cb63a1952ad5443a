import { sandboxSpecForTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { workspaceWarnings } from './workspace-warnings.ts';

const spec = sandboxSpecForTest({ workspace: { hostPath: '/w' } });
const guest = { spec, workspaceOwner: 'root' } as const;

verifies('R-TIER-3', 'whoever cannot write in the workspace is told who can', () => {
  expect(workspaceWarnings(guest, 'app')).toEqual([
    'Commands run as "app", and the workspace belongs to root inside: they can write only what its modes leave open to all. To write in it, run them with --user root.',
  ]);
  expect(workspaceWarnings(guest, `1000:0${'\n'.repeat(99)}`)[0]).not.toContain('\n');
  for (const user of [undefined, 'root', '0', 'root:staff', '0:0'])
    expect(workspaceWarnings(guest, user), user).toEqual([]);
});

verifies('R-TIER-3', 'nobody is told where there is nothing to write, or where it is theirs', () => {
  expect(workspaceWarnings({ ...guest, spec: sandboxSpecForTest() }, 'app')).toEqual([]);
  const readOnly = sandboxSpecForTest({ workspace: { hostPath: '/w', isReadOnly: true } });
  expect(workspaceWarnings({ ...guest, spec: readOnly }, 'app')).toEqual([]);
  expect(workspaceWarnings({ spec }, 'app')).toEqual([]);
});
