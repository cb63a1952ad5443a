/** Checks pages against code: links, npm scripts, and no trace of the machine they were written on. */
import { readFileSync } from 'node:fs';
import { traceProblems, tracesOfThisMachine } from './docs/machine-traces.ts';
import { pageProblems } from './docs/page-problems.ts';
import { reportProblems } from './source/report-problems.ts';
import { trackedFiles } from './source/tracked-files.ts';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const facts = { npmScripts: new Set(Object.keys(scripts)) };
const traces = tracesOfThisMachine(process.cwd());

const problems = trackedFiles().flatMap((path) => {
  const bytes = readFileSync(path);
  if (bytes.includes(0)) return [];
  const text = bytes.toString('utf8');
  const isPage = path.endsWith('.md');
  return [...(isPage ? pageProblems(path, text, facts) : []), ...traceProblems(path, text, traces)];
});
reportProblems(problems);
