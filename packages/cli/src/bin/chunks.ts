import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';

/** What a chunk has for the program and for other chunks, by path in the repository: evaluated when it is first asked for. */
type ChunkModules = Readonly<Record<string, (() => unknown) | undefined>>;

/** A function of these, which Node would otherwise put together. */
type ChunkBody = (
  exports: ChunkModules,
  require: (id: string) => unknown,
  module: { exports: ChunkModules },
  filename: string,
  directory: string,
) => void;

/** Digits at the end of a chunk, in a comment: the hash of what is before them. */
const markLength = 16;

/**
 * The chunks of a build: CommonJS compiled by hand, so that V8 can be given what it compiled before. What V8 made of one at the
 * build is used when it is there and this V8 takes it; without it everything works the same, some 10 ms later.
 */
export class Chunks {
  readonly #directory: string;
  readonly #require: (id: string) => unknown;
  readonly #cacheEnding: string;
  readonly #open = new Map<string, ChunkModules>();
  /** What `writeCaches` keeps, by the path where. */
  readonly #scripts = new Map<string, Script>();

  /** @param cacheEnding of the caches' names: V8 takes none that was made with other options. */
  constructor(directory: string, require: (id: string) => unknown, cacheEnding = 'cache') {
    this.#directory = directory;
    this.#require = require;
    this.#cacheEnding = cacheEnding;
  }

  /** A module of a chunk, opened and evaluated if it has not been. `chunk:NAME:PATH`, as the bundler names them. */
  module(id: string): unknown {
    const [, name = '', path = ''] = /^chunk:([\w-]+):(.+)$/.exec(id) ?? [];
    const evaluate = this.open(name)[path];
    if (evaluate === undefined) throw new TypeError(`chunk ${name} has no module ${path}`);
    return evaluate();
  }

  /** Reads and compiles a chunk, once. None of its modules is evaluated by it. */
  open(name: string): ChunkModules {
    const open = this.#open.get(name) ?? this.#compile(name);
    this.#open.set(name, open);
    return open;
  }

  /** Evaluates all modules of a chunk, and lets go of what a snapshot of the heap cannot hold. */
  evaluate(name: string): void {
    for (const evaluate of Object.values(this.open(name))) evaluate?.();
    this.#scripts.clear();
  }

  /** Keeps what V8 compiled so far of the chunks that are open. */
  writeCaches(): void {
    for (const [cachePath, script] of this.#scripts) {
      writeFileSync(`${cachePath}.new`, script.createCachedData());
      renameSync(`${cachePath}.new`, cachePath);
    }
  }

  #compile(name: string): ChunkModules {
    const filename = join(this.#directory, `${name}.cjs`);
    // A chunk is ASCII, and a function already: V8 needs no copy of it.
    const source = readFileSync(filename, 'latin1');
    // V8 compares lengths only: the name of the cache holds the mark, so that it is never taken for another chunk's.
    const cachePath = filename.replace(/cjs$/, `${source.slice(-markLength)}.${this.#cacheEnding}`);
    const cachedData = readCache(cachePath);
    const script = new Script(source, { filename, ...(cachedData !== undefined && { cachedData }) });
    const module: { exports: ChunkModules } = { exports: {} };
    const body = script.runInThisContext() as ChunkBody;
    const require = (id: string): unknown => (id.startsWith('chunk:') ? this.module(id) : this.#require(id));
    body(module.exports, require, module, filename, this.#directory);
    this.#scripts.set(cachePath, script);
    return module.exports;
  }
}

function readCache(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
