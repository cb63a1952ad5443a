import { writeFileSync } from 'node:fs';
import type * as Main from '../main.ts';
import { Chunks } from './chunks.ts';

declare global {
  /** What was evaluated, by path in the repository; undefined in a build that does not record it. */
  var sovereignEvaluated: Set<string> | undefined;
}

/** What is called most, and waits for least. More would make the chunk and its cache larger, which every command has to read. */
const trainingCalls = (sandbox: string) =>
  [
    ['exec', '--quiet', sandbox, 'true'],
    ['ps', '--quiet'],
  ] as const;

/**
 * Runs at the build, never after it: goes through the commands that people wait for. Keeps what V8 compiled meanwhile; what is not
 * among it is compiled when it is first used. Writes, where the build records it, which modules were evaluated. Expects a sandbox,
 * named by its id as programs do; without one less is kept.
 *
 * Usage: node train.cjs DIRECTORY MAIN SANDBOX [LIST]
 */
async function train(directory: string, main: string, sandbox: string, listPath?: string): Promise<void> {
  const chunks = new Chunks(directory, require);
  const program = chunks.module(main) as typeof Main;
  for (const words of trainingCalls(sandbox)) await program.main(words);
  if (listPath === undefined) {
    chunks.open('rest');
    chunks.writeCaches();
  } else writeFileSync(listPath, JSON.stringify([...(globalThis.sovereignEvaluated ?? [])]));
}

const [directory, main, sandbox, listPath] = process.argv.slice(2);
if (directory === undefined || main === undefined || sandbox === undefined)
  throw new Error('usage: train.cjs DIRECTORY MAIN SANDBOX [LIST]');
void train(directory, main, sandbox, listPath).then(() => process.exit(0));
