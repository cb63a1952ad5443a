export type { BuildGuest, BuildRequest } from './build/build-guest.ts';
export { createImageLibrary, type ImageLibraryOptions } from './oci-image-library.ts';
export type { AddLayerOptions, HeldImage, KeepOptions, KeptImage, LayeredImages } from './layered-images.ts';
export { flattenLayers, type FlattenedLayer, type FlattenOptions } from './flatten/flatten-layers.ts';
export { defaultLayerLimits, type LayerLimits } from './layer/layer-limits.ts';
export {
  formatReference,
  normaliseReference,
  parseReference,
  type ImageReference,
} from './reference/image-reference.ts';
export type { Unpacker, UnpackRequest } from './unpacker.ts';
