/**
 * Makes the sandbox image without a registry: `--from debian` (default; by mmdebstrap) or `--from host` (of the packages
 * that this Debian host has installed). Prints the archive's path; with `--load` gives it to the engine that the docker
 * backend would use, as `sovereign/sandbox:latest` and by its digest; with `--survival` puts it into the library of images as
 * `survival`, for microVMs and for quilt.
 */
import { createReadStream } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createDockerBackend } from '@sovereign/backends';
import { findShelld } from '@sovereign/guest';
import { Sovereign } from '@sovereign/sdk';
import { loadSurvival, survivalName } from './sandbox-image/load-survival.ts';
import { sandboxArchive } from './sandbox-image/sandbox-archive.ts';

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: 'debian' },
    load: { type: 'boolean', default: false },
    survival: { type: 'boolean', default: false },
  },
});
if (values.from !== 'debian' && values.from !== 'host')
  throw new Error(`--from ${values.from} (expected debian or host)`);
const archive = sandboxArchive(values.from);
process.stdout.write(`${archive.path}${archive.isCached ? ' (cached)' : ''}\n`);
if (values.load) {
  const stateDirectory = join(homedir(), '.local', 'share', 'sovereign', 'state');
  const backend = createDockerBackend({ stateDirectory, shelldPath: findShelld() });
  const name = `sovereign/sandbox:${archive.digest}`;
  await backend.engine?.images.import(createReadStream(archive.path), {
    reference: name,
    config: { env: { LANG: 'C.UTF-8' }, workingDirectory: '/workspace', command: ['bash'] },
  });
  await backend.engine?.images.tag(name, 'sovereign/sandbox:latest');
  await backend.close();
  process.stdout.write('sovereign/sandbox:latest\n');
}
if (values.survival) {
  await using client = await Sovereign.open({ via: 'build-sandbox-image' });
  const { images } = client;
  await loadSurvival(
    { import: (rootfs, options) => images.import(rootfs, { ...options, engine: 'quilt' }) },
    archive.path,
  );
  process.stdout.write(`${survivalName}\n`);
}
