import { expect, test } from 'vitest';
import { traceProblems } from './machine-traces.ts';
import { localLinks } from './markdown-links.ts';
import { pageProblems } from './page-problems.ts';

const facts = {
  npmScripts: new Set(['check']),
  exists: (path: string): boolean => ['docs/errors.md', 'README.md'].includes(path),
};

test('links and scripts that exist pass', () => {
  const page =
    'See [errors](errors.md#top), [home](../README.md), [web](https://example.com); `npm run check`.';
  expect(pageProblems('docs/a.md', page, facts)).toEqual([]);
});

test('links into nothing and unknown scripts are named', () => {
  const page = 'See\n[errors](mistakes.md) and [out](../../other.md).\nThen `npm run chek`.';
  expect(pageProblems('docs/a.md', page, facts)).toEqual([
    'docs/a.md:2: the link mistakes.md leads nowhere',
    'docs/a.md:2: the link ../../other.md leads nowhere',
    'docs/a.md: `npm run chek` does not exist',
  ]);
});

test('code is not searched for links', () => {
  expect(localLinks('`[a](b)`\n```\n[c](d)\n```\n[e]: f.md')).toEqual([{ target: 'f.md', line: 5 }]);
});

test('traces of a machine are found, examples are not', () => {
  const traces = { texts: ['/some/where'], patterns: [/\/home\/(?!user)[a-z]+\//] };
  expect(traceProblems('a.md', 'x\n/some/where/file\n/home/user/x', traces)).toHaveLength(1);
  const resolved = '"resolved": "https://example.com/a.tgz"';
  expect(traceProblems('package-lock.json', resolved, traces)).toHaveLength(1);
  expect(traceProblems('package-lock.json', '"resolved": "packages/core"', traces)).toEqual([]);
});
