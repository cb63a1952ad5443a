import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { nodeTarget } from './node-target.mjs';

export const cli = fileURLToPath(new URL('../../packages/cli', import.meta.url));

const manifest = /** @type {{ version: string }} */ (
  JSON.parse(readFileSync(join(cli, 'package.json'), 'utf8'))
);

/**
 * CommonJS, which starts in half the time that ESM takes, of one entry and all it imports.
 *
 * @param {import('esbuild').BuildOptions} options
 */
export function bundle(options) {
  return build({
    bundle: true,
    platform: 'node',
    target: nodeTarget,
    format: 'cjs',
    charset: 'ascii',
    conditions: ['@sovereign/source'],
    define: { sovereignVersion: JSON.stringify(manifest.version), 'performance.now': 'sovereignNow' },
    // Large, with native parts, and for the docker backend only: loaded from node_modules when it is used. The last are compiled
    // parts of libraries, which do without them where they are not.
    external: ['docker-modem', 'tar-stream', '@balena/dockerignore', '*.node'],
    // By `require`: a chunk is compiled where Node offers no import().
    supported: { 'dynamic-import': false },
    logLevel: 'warning',
    ...options,
  });
}
