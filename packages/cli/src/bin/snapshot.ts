import { createRequire } from 'node:module';
import { join } from 'node:path';
import { startupSnapshot } from 'node:v8';
import { Chunks } from './chunks.ts';
import { start } from './start.ts';

/** Set by the launcher for Node's own allocations, and for no program that this one starts. */
const launcherTunables = 'glibc.malloc.hugetlb=1';

/**
 * Runs at the build, in a Node that keeps its heap in a file (`--build-snapshot`). What the usual commands evaluate is evaluated,
 * and nothing is run: a heap that every later process begins with may hold no random number, no identity of a boot, no environment.
 *
 * Usage: node --build-snapshot snapshot.cjs DIRECTORY CACHE-ENDING BUILTINS
 */
function prepare(directory: string, cacheEnding: string, builtins: readonly string[]): void {
  // In a snapshot it knows modules of Node only.
  const requireBuiltin: (id: string) => unknown = require;
  const load = (id: string): unknown =>
    id.startsWith('node:') ? requireBuiltin(id) : createRequire(join(directory, 'sovereign.cjs'))(id);
  const chunks = new Chunks(directory, load, cacheEnding);
  for (const id of builtins) requireBuiltin(id);
  chunks.evaluate('cli');
  startupSnapshot.setDeserializeMainFunction(() => {
    // What was asked of Node is how it was started, and nothing to hand on to a process of ours.
    process.execArgv = [];
    if (process.env['GLIBC_TUNABLES'] === launcherTunables) delete process.env['GLIBC_TUNABLES'];
    start(chunks);
  });
}

const [directory, cacheEnding, builtins] = process.argv.slice(2);
if (directory === undefined || cacheEnding === undefined || builtins === undefined)
  throw new Error('usage: snapshot.cjs DIRECTORY CACHE-ENDING BUILTINS');
prepare(directory, cacheEnding, builtins.split(','));
