import { test, type TestContext } from 'vitest';
import { requirements, type RequirementId } from './registry.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** The requirements that this test holds. */
    requirements?: readonly RequirementId[];
  }
}

/** What a test may say of itself besides its title. */
export interface VerifiesOptions {
  /** Default: the time limit of the vitest project that the test belongs to. */
  readonly timeoutMs?: number;
}

/**
 * A vitest test that holds one or more requirements: their ids stand in its name and in its meta.
 *
 * The ids must be literals: the check finds them by reading the source.
 *
 * @example verifies('R-EXEC-4', 'a timeout kills a setsid child', async () => { … });
 * @example verifies(['R-TIER-9', 'R-TIER-10'], 'an unhealthy guest is disposed of', { timeoutMs: 30_000 }, run);
 */
export function verifies(ids: RequirementId | readonly RequirementId[], title: string, body: TestBody): void;
export function verifies(
  ids: RequirementId | readonly RequirementId[],
  title: string,
  options: VerifiesOptions,
  body: TestBody,
): void;
export function verifies(
  ids: RequirementId | readonly RequirementId[],
  title: string,
  ...rest: readonly [TestBody] | readonly [VerifiesOptions, TestBody]
): void {
  const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest;
  const list = typeof ids === 'string' ? [ids] : ids;
  for (const id of list) assertKnown(id);
  const { timeoutMs } = options;
  const limits = timeoutMs === undefined ? {} : { timeout: timeoutMs };
  test(`${list.join(', ')}: ${title}`, { ...limits, meta: { requirements: list } }, body);
}

/** The body of a test, with vitest's context: `context.skip('why')`, `context.signal`, `context.onTestFinished`. */
export type TestBody = (context: TestContext) => Promise<void> | void;

function assertKnown(id: string): void {
  if (!Object.hasOwn(requirements, id)) {
    throw new Error(`Requirement ${id} is unknown. Add it to registry.ts, or correct the id.`);
  }
}
