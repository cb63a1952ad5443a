import { writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import type * as Main from '../main.ts';
import { Chunks } from './chunks.ts';

declare global {
  /** What was evaluated, by path in the repository; undefined in a build that does not record it. */
  var sovereignEvaluated: Set<string> | undefined;
}

/** What is called most, and waits for least. More would make the chunk and its cache larger, which every command has to read. */
const trainingCalls = (sandbox: string) => [['exec', '--quiet', sandbox, 'true'], ['ps']] as const;

/**
 * Runs at the build, never after it: goes through the commands that people wait for. Keeps what V8 compiled meanwhile; what is not
 * among it is compiled when it is first used. Writes, where the build records it, which modules were evaluated, and which of Node
 * they asked for. Expects a sandbox, named by its id as programs do; without one less is kept.
 *
 * Usage: node train.cjs DIRECTORY MAIN SANDBOX CACHE-ENDING [LIST]
 */
async function train(
  directory: string,
  main: string,
  sandbox: string,
  cacheEnding: string,
  listPath?: string,
): Promise<void> {
  const asked = new Set<string>();
  const load: (id: string) => unknown = require;
  const recording = (id: string): unknown => {
    asked.add(id);
    return load(id);
  };
  const chunks = new Chunks(directory, recording, cacheEnding);
  const program = chunks.module(main) as typeof Main;
  for (const words of trainingCalls(sandbox)) await program.main(words);
  if (listPath === undefined) {
    chunks.open('rest');
    chunks.writeCaches();
  } else {
    const modules = [...(globalThis.sovereignEvaluated ?? [])];
    writeFileSync(listPath, JSON.stringify({ modules, builtins: [...asked].filter(isBuiltin) }));
  }
}

const [directory, main, sandbox, cacheEnding, listPath] = process.argv.slice(2);
if (directory === undefined || main === undefined || sandbox === undefined || cacheEnding === undefined)
  throw new Error('usage: train.cjs DIRECTORY MAIN SANDBOX CACHE-ENDING [LIST]');
void train(directory, main, sandbox, cacheEnding, listPath).then(() => process.exit(0));
