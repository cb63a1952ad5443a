/**
 * Measures what performance promises, ours beside the peers'; see `--help`. This bundles the measuring program and runs
 * it in a plain Node, as programs that embed the SDK run: in a process with a TypeScript loader, output flows at half
 * the speed, through our SDK and through a plain pipe alike.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../../', import.meta.url));

async function bundle(directory: string): Promise<string> {
  const entry = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
  await build({
    entryPoints: { run: entry('./run.ts'), worker: entry('./worker/worker.ts') },
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    conditions: ['@sovereign/source'],
    // Of libraries for other backends: native parts that they do without, and calls of require.
    external: ['docker-modem', 'tar-stream', '@balena/dockerignore', '*.node'],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  return join(directory, 'run.mjs');
}

/** In the tree, so that what is not bundled is found in node_modules. */
function makeDirectory(): string {
  const parent = join(root, 'build');
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, 'bench-'));
}

/** What is found beside a source file is not beside the bundle. */
function environment(): NodeJS.ProcessEnv {
  return {
    SOVEREIGN_SHELLD: join(root, 'packages/guest/shelld/build/shelld'),
    SOVEREIGN_PYTHON: join(root, 'python'),
    SOVEREIGN_MICROVM: join(root, 'images/microvm'),
    ...process.env,
  };
}

async function main(): Promise<number> {
  const directory = makeDirectory();
  try {
    const program = await bundle(directory);
    // A group of its own, so that Ctrl-C reaches it once, through us. It also ends in order when we are killed.
    const child = spawn(process.execPath, [program, ...process.argv.slice(2)], {
      cwd: root,
      env: environment(),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => child.kill(signal));
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

process.exitCode = await main();
