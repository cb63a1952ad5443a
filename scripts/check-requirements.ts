/** Checks that every requirement that is due is held by a test, and that no test cites an unknown one. */
import { requirements } from '../packages/testkit/src/requirements/registry.ts';
import { readCitations } from './requirements/cited-requirements.ts';
import { reportProblems } from './source/report-problems.ts';

const citations = readCitations();
const cited = new Set(citations.map(({ id }) => id));

const unknown = citations
  .filter(({ id }) => !Object.hasOwn(requirements, id))
  .map(({ id, path }) => `${path}: cites ${id}, which is no requirement`);
const unheld = Object.entries(requirements)
  .filter(([id, { due }]) => due === 'now' && !cited.has(id))
  .map(([id, { title }]) => `${id} is due and no test holds it: ${title}`);

reportProblems([...unknown, ...unheld]);
