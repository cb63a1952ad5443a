import { expect, test } from 'vitest';
import { citationsOf } from './citations-of.ts';

test('finds the ids and titles of TypeScript tests', () => {
  const text = [
    `verifies('R-EXEC-1', 'argv is argv', () => {});`,
    'verifies(["R-EXEC-2", "R-EXEC-4"], `on ${tier}`, { timeoutMs: 1 }, () => {});',
    `const words = "verifies('R-EXEC-9', 'in a string')";`,
  ].join('\n');
  expect(citationsOf('a.test.ts', text)).toEqual([
    { id: 'R-EXEC-1', path: 'a.test.ts', title: 'argv is argv' },
    { id: 'R-EXEC-2', path: 'a.test.ts', title: 'on ${tier}' },
    { id: 'R-EXEC-4', path: 'a.test.ts', title: 'on ${tier}' },
  ]);
});

test('finds the ids in comments and docstrings of other languages', () => {
  expect(citationsOf('test_a.py', '    """Verifies R-TOOL-8: atomic."""')).toEqual([
    { id: 'R-TOOL-8', path: 'test_a.py', title: 'atomic' },
  ]);
  expect(citationsOf('test_a.c', '/* verifies: R-EXEC-4, R-EXEC-6 kills a setsid child */')).toEqual([
    { id: 'R-EXEC-4', path: 'test_a.c', title: 'kills a setsid child' },
    { id: 'R-EXEC-6', path: 'test_a.c', title: 'kills a setsid child' },
  ]);
});
