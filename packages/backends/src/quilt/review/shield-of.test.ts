import { describe, expect, test } from 'vitest';
import { shieldOf } from './shield-of.ts';

describe('shielded paths of a workspace', () => {
  const file = (path: string, kind: 'added' | 'modified' | 'removed' = 'added'): string | null =>
    shieldOf({ kind, path, file: kind === 'removed' ? 'none' : 'file' }, []);

  test.each([
    ['.git/hooks/pre-commit', '.git/hooks'],
    ['.git/hooks', '.git/hooks'],
    ['.GIT/Hooks/x', '.git/hooks'],
    ['.envrc', '.envrc'],
    ['.vscode/tasks.json', '.vscode'],
    ['.git', '.git/hooks'],
  ])('%s is shielded', (path, shield) => {
    expect(file(path)).toBe(shield);
    expect(file(path, 'removed')).toBe(shield);
  });

  test.each(['.git/objects/ab', 'src/.git-notes', '.envrc.sample', 'src/.envrc', '.gitignore'])(
    '%s is not',
    (path) => {
      expect(file(path)).toBeNull();
    },
  );

  test('a directory above one may be made, and neither be replaced nor be a link', () => {
    expect(shieldOf({ kind: 'added', path: '.git', file: 'directory' }, [])).toBeNull();
    expect(shieldOf({ kind: 'modified', path: '.git', file: 'directory' }, [])).toBe('.git/hooks');
    expect(shieldOf({ kind: 'added', path: '.git', file: 'link' }, [])).toBe('.git/hooks');
  });

  test('what is granted is not shielded, and nothing else with it', () => {
    expect(shieldOf({ kind: 'added', path: '.git/hooks/x', file: 'file' }, ['.git/hooks'])).toBeNull();
    expect(shieldOf({ kind: 'added', path: '.git/config', file: 'file' }, ['.git/hooks'])).toBe(
      '.git/config',
    );
  });
});
