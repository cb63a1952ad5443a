import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { ImageConfig, ImageRecord, SandboxId, SandboxSpec } from '@sovereign/core';
import { stagedPath } from '@sovereign/guest';
import type { LayeredImages } from '@sovereign/images';
import type { EngineHost } from '../engine-host.ts';
import { layerChanges } from './diff-layer.ts';
import { bareMountPoints } from './mount-points.ts';
import { scratchOutput } from './scratch-output.ts';
import { whileStill } from './while-still.ts';

const inside = '/run/sovereign/changed';

/**
 * Packs a layer as OCI has it (image-spec, layer.md). Character devices in it are whiteouts and nothing else, as a guest
 * can make no device; they and opaque directories become names.
 *
 * A name `.wh.…` that the guest has made itself would delete something from its own image, and is left out. So are the
 * paths whose patterns find(1) is given.
 */
const packScript = `set -e
mkdir /tmp/whiteouts
cd /tmp/whiteouts
/run/sovereign/shelld whiteouts ${inside} > /tmp/names
xargs -0 -r sh -c 'for name; do mkdir -p "$(dirname "$name")"; : > "$name"; done' sh < /tmp/names
cd ${inside}
find . -mindepth 1 ! -type c ! -type s ! -name '.wh.*' "$@" -print0 > /tmp/files
exec tar -c --null --no-recursion --numeric-owner --xattrs --xattrs-exclude='user.overlay.*' --format=pax \\
  --pax-option=delete=atime,delete=ctime --sparse -f - -C ${inside} -T /tmp/files -C /tmp/whiteouts -T /tmp/names
`;

/** The whole root: of an image that is no list of layers, nothing else can be the lowest one. */
const packWholeScript = `exec tar -c --numeric-owner --xattrs --xattrs-exclude='user.overlay.*' --one-file-system \\
  --format=pax --pax-option=delete=atime,delete=ctime --sparse "$@" -f - -C ${inside} .
`;

/**
 * Makes an image of a sandbox as it is now; one that runs is paused for that moment.
 *
 * @throws SovereignError `image.invalid` for image `host`, which is nothing that can be taken elsewhere
 */
export async function commitLayer(
  host: EngineHost,
  images: LayeredImages,
  id: SandboxId,
  options: {
    readonly reference: string;
    readonly config?: Partial<ImageConfig>;
    readonly signal?: AbortSignal;
  },
): Promise<ImageRecord> {
  const { spec } = host.guest(id);
  if (spec.image.kind === 'host') throw hostImage(id);
  const base = (await images.held(id))?.digest;
  return whileStill(host, id, async () => {
    const bare = await bareMountPoints(host, spec, layerChanges(host, spec));
    return images.addLayer({
      ...options,
      ...(base !== undefined && { base }),
      layer: base === undefined ? packWhole(host, spec, bare) : packLayer(host, spec, bare),
      createdBy: `sovereign commit ${id}`,
    });
  });
}

/**
 * SAFETY: packed in a scratch guest that has nothing but the layer. Held by tests/quilt/commit.test.ts.
 *
 * @param without directories that stay out, though not what is in them
 */
function packLayer(
  host: EngineHost,
  spec: SandboxSpec,
  without: readonly string[],
): AsyncIterable<Uint8Array> {
  const patterns = without.flatMap((path) => ['!', '-path', `.${asPattern(path)}`]);
  return scratchOutput(
    {
      ...host.scratch,
      staged: [{ source: join(host.state.layerPath(spec.id), 'upper'), name: 'changed' }],
      mounts: [{ kind: 'readOnly', source: stagedPath('changed'), target: inside }],
    },
    { command: 'sh', args: ['-c', packScript, 'sh', ...patterns], what: 'packed' },
  );
}

/** The image with the layer above it, seen from a guest of image `host`: an image need not have a tar of its own. */
async function* packWhole(
  host: EngineHost,
  spec: SandboxSpec,
  without: readonly string[],
): AsyncIterable<Uint8Array> {
  const { imageRoot = { source: '/nonexistent' } } = await host.scratchLike(spec);
  const patterns = without.map((path) => `--exclude=.${asPattern(path)}`);
  yield* scratchOutput(
    {
      ...host.scratch,
      staged: [{ source: join(host.state.layerPath(spec.id), 'upper'), name: 'changed' }],
      exhibit: { imageRoot, above: ['changed'], target: inside },
    },
    {
      command: 'sh',
      args: ['-c', packWholeScript, 'sh', '--anchored', '--no-wildcards-match-slash', ...patterns],
      what: 'packed',
    },
  );
}

/** For find(1) and tar(1), to which these characters mean more than themselves. */
function asPattern(path: string): string {
  return path.replaceAll(/[\\*?[\]]/g, String.raw`\$&`);
}

function hostImage(id: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'image.invalid',
    message: `${id} cannot be committed: its image is the host's own /usr, which is not part of it.`,
    hint: 'Make the sandbox of an image, or see what it changed: sovereign diff.',
    context: { id },
  });
}
