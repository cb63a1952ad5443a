import { describe, expect, test } from 'vitest';
import { importsOf } from './imports-of.ts';
import { judgeImport } from './judge-import.ts';

describe('arrows between packages', () => {
  test.each([
    ['packages/core/src/a.ts', '@sovereign/protocol'],
    ['packages/core/src/a.ts', 'node:fs'],
    ['packages/core/src/contract/a.ts', '../b.ts'],
    ['packages/protocol/src/a.test.ts', 'node:fs'],
    ['packages/sdk/src/a.test.ts', '@sovereign/testkit'],
    ['packages/backends/src/quilt/a.ts', './deep/b.ts'],
    ['packages/backends/src/quilt/a.ts', '../state-file.ts'],
    ['packages/backends/src/index.ts', './quilt/a.ts'],
  ])('%s may import %s', (path, specifier) => {
    expect(judgeImport(path, specifier)).toBeUndefined();
  });

  test.each([
    ['packages/protocol/src/a.ts', '@sovereign/core', 'may not import core'],
    ['packages/protocol/src/a.ts', 'node:fs', 'browsers'],
    ['packages/core/src/a.ts', 'fs', 'write node:fs'],
    ['packages/core/src/a.ts', '../../protocol/src/index.ts', 'leaves packages/core/src/'],
    ['packages/cli/src/a.ts', '@sovereign/engine', 'may not import engine'],
    ['packages/sdk/src/a.ts', '@sovereign/testkit', 'may not import testkit'],
    ['packages/core/src/a.ts', '@scope/library/part', 'library @scope/library '],
    ['packages/backends/src/quilt/a.ts', '../process/b.ts', 'sibling process'],
    ['packages/newcomer/src/a.ts', 'node:fs', 'no row'],
  ])('%s may not import %s', (path, specifier, problem) => {
    expect(judgeImport(path, specifier)).toContain(problem);
  });

  test('finds every way to import', () => {
    const text = [
      `import a from 'a';`,
      `export * from 'b';`,
      `type C = import('c').C;`,
      `const d = await import('d');`,
      `const e = require('e');`,
      `const text = "import f from 'f'";`,
    ].join('\n');
    expect(importsOf('x.ts', text).map(({ specifier, line }) => `${specifier}${String(line)}`)).toEqual([
      ...['a1', 'b2', 'c3', 'd4', 'e5'],
    ]);
  });
});
