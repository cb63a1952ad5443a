/** Packs an image of a library for a machine in a process of its own, says when it is half-way and stays there: to be killed. */
import { createQuiltBackend } from '@sovereign/backends';
import { findShelld } from '@sovereign/guest';
import { LocalArtifacts, MachineImages } from '@sovereign/microvm';

const [root = '', reference = ''] = process.argv.slice(2);
const shelldPath = findShelld();
const quilt = createQuiltBackend({
  stateDirectory: `${root}/q`,
  runtimeDirectory: `${root}/qr`,
  shelldPath,
  images: { env: {}, home: root },
});
const { images } = quilt;

async function* halfOf(tar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const bytes of tar) {
    yield bytes;
    process.stdout.write('half\n');
    // For good: nobody resolves it, and a timer keeps the process up.
    await new Promise(() => setInterval(() => undefined, 60_000));
  }
}

await new MachineImages({
  artifacts: new LocalArtifacts({ imageDirectory: `${root}/images`, shelldPath }),
  library: new Proxy(images, {
    get: (target, name) =>
      name === 'rootTar'
        ? (digest: string) => halfOf(target.rootTar(digest))
        : (Reflect.get(target, name) as unknown as () => unknown).bind(target),
  }),
  home: (owner) => `${root}/nobody/${owner}`,
}).take('sbx_000000packer', { kind: 'reference', reference });
