/** Checks that packages import only what the arrow table lets them. */
import { readFileSync } from 'node:fs';
import { importsOf } from './arrows/imports-of.ts';
import { judgeImport } from './arrows/judge-import.ts';
import { judgeManifest, type Manifest } from './arrows/judge-manifest.ts';
import { reportProblems } from './source/report-problems.ts';
import { trackedFiles } from './source/tracked-files.ts';

const problems: string[] = [];
for (const path of trackedFiles()) {
  const [, owner] = /^packages\/([^/]+)\//.exec(path) ?? [];
  if (owner === undefined) continue;
  const judge = (): readonly string[] => {
    if (path === `packages/${owner}/package.json`) {
      return judgeManifest(owner, JSON.parse(readFileSync(path, 'utf8')) as Manifest).map(
        (what) => `${path}: ${what}`,
      );
    }
    if (!/^packages\/[^/]+\/src\/.*\.ts$/.test(path)) return [];
    return importsOf(path, readFileSync(path, 'utf8')).flatMap(({ specifier, line }) => {
      const problem = judgeImport(path, specifier);
      return problem === undefined ? [] : [`${path}:${String(line)}: ${problem}`];
    });
  };
  problems.push(...judge());
}
reportProblems(problems);
