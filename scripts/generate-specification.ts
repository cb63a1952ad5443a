/** Writes docs/specification.md: each requirement, and the tests that hold it. */
import { requirements } from '../packages/testkit/src/requirements/registry.ts';
import { writeGeneratedMarkdown } from './generate/generated-markdown.ts';
import { readCitations } from './requirements/cited-requirements.ts';

const citations = readCitations();

const families: Readonly<Record<string, string>> = {
  EXEC: 'Execution contract',
  TIER: 'Tiers',
  PRIM: 'Container primitives',
  TOOL: 'Tools for agents',
  RUN: 'Runner',
  GOV: 'Governance',
  NEW: 'Beyond',
};

function section(id: string, title: string, due: string): string {
  const titlesByPath = new Map<string, Set<string>>();
  for (const citation of citations) {
    if (citation.id !== id) continue;
    const titles = titlesByPath.get(citation.path) ?? new Set();
    titlesByPath.set(citation.path, titles.add(citation.title));
  }
  const tests = [...titlesByPath].map(([path, titles]) => testLines(path, [...titles])).join('\n');
  const state = due === 'now' ? '_Not held by a test yet._' : '_Planned._';
  return `### ${id}\n\n${title}.\n\n${tests === '' ? state : tests}`;
}

function testLines(path: string, titles: readonly string[]): string {
  const lines = titles.filter((title) => title !== '').map((title) => `  - ${plainMarkdown(title)}`);
  return [`- [${path}](../${path})`, ...lines].join('\n');
}

/** Text in which Markdown finds no markup. */
function plainMarkdown(text: string): string {
  return text.replaceAll(/[<>*_[\]\\]/g, (character) => `\\${character}`);
}

const parts = Object.entries(families).map(([family, heading]) => {
  const sections = Object.entries(requirements)
    .filter(([id]) => id.startsWith(`R-${family}-`))
    .map(([id, { title, due }]) => section(id, title, due));
  return `## ${heading}\n\n${sections.join('\n\n')}`;
});

await writeGeneratedMarkdown(
  'docs/specification.md',
  `<!-- Generated from the requirement registry of testkit and the tests that cite it by \`npm run generate\`. Do not edit. -->

# Specification

What the product promises, numbered, and the tests that hold each promise.

${parts.join('\n\n')}
`,
);
