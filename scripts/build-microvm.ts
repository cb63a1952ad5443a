/** Builds the kernel of microVMs for the tests, unless it is there already: `build/images` of this checkout. */
import { fileURLToPath } from 'node:url';
import { findShelld } from '@sovereign/guest';
import { LocalArtifacts } from '@sovereign/microvm';

const artifacts = new LocalArtifacts({
  imageDirectory: fileURLToPath(new URL('../build/images', import.meta.url)),
  shelldPath: findShelld(),
});
const began = performance.now();
const kernel = await artifacts.buildKernel({
  onProgress: ({ text }) => {
    process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
  },
});
process.stdout.write(`${kernel.path} (${Math.round((performance.now() - began) / 1_000)} s)\n`);
