/**
 * Does one thing to an image library, and kills itself (SIGKILL) right before the n-th step of it: a change in the directory of
 * the library, a piece read of an archive or a blob, or a line of a build. Ends with exit code 0 when there are fewer steps. Arguments: root of a
 * scene, what to do, n, shelld.
 */
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { createQuiltBackend } from '@sovereign/backends';

const [root = '', operation = '', step = '', shelldPath = ''] = process.argv.slice(2);
const library = join(root, 'state', 'images');
let left = Infinity;

function count(): void {
  if (--left <= 0) process.kill(process.pid, 'SIGKILL');
}

type Callable = (...args: unknown[]) => unknown;

/** Counts the calls of functions that take a path of the library first. */
function watch(module: object, names: readonly string[], isStep: (first: unknown) => boolean): void {
  const functions = module as Record<string, Callable>;
  for (const name of names) {
    const original = functions[name];
    if (original === undefined) throw new Error(`no function ${name}`);
    functions[name] = (...args) => {
      if (isStep(args[0])) count();
      return original.apply(module, args);
    };
  }
}

const isOfLibrary = (first: unknown): boolean => typeof first === 'string' && first.startsWith(library);
watch(fs, ['renameSync', 'writeFileSync', 'mkdirSync', 'rmSync', 'createWriteStream'], isOfLibrary);
watch(promises, ['open', 'writeFile', 'rename', 'mkdir', 'rm'], isOfLibrary);
watch(fs, ['read'], () => true);
syncBuiltinESMExports();

const backend = createQuiltBackend({
  stateDirectory: join(root, 'state'),
  runtimeDirectory: join(root, 'run'),
  shelldPath,
  images: { env: { PATH: process.env['PATH'] }, home: root },
});
const { engine, images } = backend;
if (engine === undefined) throw new Error('quilt is no container engine');

const operations: Readonly<Record<string, () => Promise<unknown>>> = {
  load: () => images.load(fs.createReadStream(join(root, 'made.tar'))),
  import: () => images.import(fs.createReadStream(join(root, 'root.tar')), { reference: 'made' }),
  remove: () => images.remove('made'),
  build: () => images.build({ contextPath: join(root, 'context'), reference: 'made', onProgress: count }),
  gc: async () => {
    for (const leftover of await engine.leftovers())
      if (leftover.kind !== 'cgroup') await engine.sweep(leftover);
  },
};

const act = operations[operation];
if (act === undefined) throw new Error(`no operation ${operation}`);
left = Number(step);
await act();
left = Infinity;
await backend.close();
