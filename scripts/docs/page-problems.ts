import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { localLinks } from './markdown-links.ts';

/** What the code says that pages must agree with. */
export interface Facts {
  /** Names under `scripts` in package.json. */
  readonly npmScripts: ReadonlySet<string>;
  readonly exists?: (path: string) => boolean;
}

/** What is wrong with a Markdown page: links into nothing, npm scripts that do not exist. */
export function pageProblems(path: string, markdown: string, facts: Facts): readonly string[] {
  const exists = facts.exists ?? existsSync;
  const links = localLinks(markdown).flatMap(({ target, line }) => {
    const [file = ''] = target.split(/[#?]/);
    const resolved = file.startsWith('/')
      ? file.slice(1)
      : posix.join(posix.dirname(path), decodeURIComponent(file));
    if (!resolved.startsWith('..') && exists(resolved)) return [];
    return [`${path}:${String(line)}: the link ${target} leads nowhere`];
  });
  const scripts = [...markdown.matchAll(/\bnpm run ([a-z][a-z0-9:-]*)/g)].flatMap(([, name = '']) =>
    facts.npmScripts.has(name) ? [] : [`${path}: \`npm run ${name}\` does not exist`],
  );
  return [...links, ...new Set(scripts)];
}
