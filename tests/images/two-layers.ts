import { inPieces, rawTar } from '../../packages/images/src/tar/tar-for-test.ts';
import { busyboxRoot } from './busybox-root.ts';
import type { ImageScene } from './image-scene.ts';

const upper = rawTar([
  { name: 'etc/', type: '5' },
  { name: 'etc/.wh.gone' },
  { name: 'data/', type: '5', mode: 0o700 },
  { name: 'data/.wh..wh..opq' },
  { name: 'data/new', content: 'new' },
  { name: 'etc/base', content: 'changed' },
]);

/** An image of two layers in which the upper one changes, hides and removes what the lower one has. */
export async function makeTwoLayers(scene: ImageScene, name: string): Promise<void> {
  const library = scene.library();
  await library.import(inPieces(await busyboxRoot(), 256 * 1024), { reference: `${name}-base` });
  await library.addLayer({
    base: `${name}-base`,
    reference: name,
    layer: inPieces(upper),
    config: { env: { GREETING: 'hello' }, workingDirectory: '/data' },
  });
}

/** A script that shows whether both layers and the configuration are as they were made, and what it then prints. */
export const proof =
  'cat /etc/base; [ -e /etc/gone ] || echo removed; ls /data; pwd; echo $GREETING; stat -c %a /data /tmp';
export const proven = 'changedremoved\nnew\n/data\nhello\n700\n1777\n';
