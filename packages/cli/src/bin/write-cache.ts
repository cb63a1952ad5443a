import { renameSync, writeFileSync } from 'node:fs';
import type * as Main from '../main.ts';
import { compileChunk } from './compile-chunk.ts';

/** What is called most, and waits for least. More would make the cache larger, which every command has to read. */
const trainingCalls = [
  ['exec', '--quiet', 'warm', 'true'],
  ['ps', '--quiet'],
] as const;

/**
 * Runs at the build, never after it: goes through the commands that people wait for, and keeps what V8 compiled meanwhile.
 * What is not among them is compiled when it
 * is first used. Expects a sandbox called `warm`; without one less is kept.
 *
 * Usage: node write-cache.cjs CHUNK
 */
async function writeCache(path: string): Promise<void> {
  const { script, cachePath, run } = compileChunk<typeof Main>(path, require);
  const { main } = run();
  for (const words of trainingCalls) await main(words);
  writeFileSync(`${cachePath}.new`, script.createCachedData());
  renameSync(`${cachePath}.new`, cachePath);
}

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: write-cache.cjs CHUNK');
void writeCache(path).then(() => process.exit(0));
