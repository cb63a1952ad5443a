import { createReadStream } from 'node:fs';
import type { ImageConfig, ImageRecord } from '@sovereign/core';

/** Whoever makes an image of a root file system: the library itself, or the images of the sdk, which are judged and recorded. */
export interface Importer {
  import(
    rootfs: AsyncIterable<Uint8Array>,
    options: { readonly reference: string; readonly config: Partial<ImageConfig> },
  ): Promise<ImageRecord>;
}

/** Name of the image with Python and the action library in the library of images. */
export const survivalName = 'survival';

/** Puts the archive of the sandbox image into a library as `survival`: what a microVM boots that has to work at once. */
export function loadSurvival(images: Importer, archivePath: string): Promise<ImageRecord> {
  return images.import(createReadStream(archivePath, { highWaterMark: 1024 * 1024 }), {
    reference: survivalName,
    config: { env: { LANG: 'C.UTF-8' }, workingDirectory: '/workspace', command: ['bash'] },
  });
}
