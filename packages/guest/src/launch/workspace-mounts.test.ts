import { describe, expect, test } from 'vitest';
import { shieldedPaths, workspaceMounts } from './workspace-mounts.ts';

describe('workspaceMounts', () => {
  test('none without a workspace', () => {
    expect(workspaceMounts(undefined, '/w')).toEqual({ shields: [], pins: [], mounts: [] });
  });

  test('the workspace first, what holds shielded paths over it, what is shielded over that', () => {
    const { workspace, shields, pins, mounts } = workspaceMounts({ hostPath: '/h' }, '/w');
    expect(workspace).toEqual({ source: '/h', name: 'workspace' });
    expect(shields.map(({ source }) => source)).toEqual([...shieldedPaths]);
    expect(pins).toEqual([{ source: '.git', name: 'pin0' }]);
    expect(mounts.map(({ kind }) => kind)).toEqual([
      'bind',
      'bindIfPresent',
      ...shieldedPaths.map(() => 'readOnlyIfPresent'),
    ]);
    expect(mounts.map(({ target }) => target)).toEqual([
      '/w',
      '/w/.git',
      ...shieldedPaths.map((path) => `/w/${path}`),
    ]);
    expect(new Set([...shields, ...pins].map(({ name }) => name)).size).toBe(shields.length + pins.length);
  });

  test('what is granted is not shielded, and its holder is pinned as long as it holds anything else', () => {
    const one = workspaceMounts({ hostPath: '/h', granted: ['.git/hooks', '.vscode'] }, '/w');
    expect(one.shields.map(({ source }) => source)).not.toContain('.git/hooks');
    expect(one.pins).toHaveLength(1);
    const both = workspaceMounts({ hostPath: '/h', granted: ['.git/hooks', '.git/config'] }, '/w');
    expect(both.pins).toEqual([]);
    expect(workspaceMounts({ hostPath: '/h', granted: ['..', '/', '', '.git'] }, '/w').shields).toHaveLength(
      shieldedPaths.length,
    );
  });

  test('read-only as a whole needs neither', () => {
    expect(workspaceMounts({ hostPath: '/h', isReadOnly: true }, '/w')).toEqual({
      workspace: { source: '/h', name: 'workspace' },
      shields: [],
      pins: [],
      mounts: [{ kind: 'readOnly', source: '/mnt/workspace', target: '/w' }],
    });
  });

  test('no shielded path leaves the workspace', () => {
    for (const path of shieldedPaths) expect(path).toMatch(/^\.[a-z][a-z./]*$/);
    for (const path of shieldedPaths) expect(path.split('/')).not.toContain('..');
  });
});
