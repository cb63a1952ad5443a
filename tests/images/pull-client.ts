/** Pulls an image in a process of its own and tells how far it is, one word a line: for tests that kill it. */
import { createQuiltBackend } from '@sovereign/backends';
import { findShelld } from '@sovereign/guest';

const [root = '', reference = ''] = process.argv.slice(2);
const backend = createQuiltBackend({
  stateDirectory: `${root}/state`,
  runtimeDirectory: `${root}/run`,
  shelldPath: findShelld(),
  images: { env: {}, home: root },
});
await backend.images.pull(reference, {
  onProgress: ({ kind }) => void process.stdout.write(`${kind}\n`),
});
process.stdout.write('pulled\n');
await backend.close();
