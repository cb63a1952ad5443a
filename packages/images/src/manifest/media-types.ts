/** Media types of OCI image-spec and their elder siblings of Docker (image manifest v2, schema 2). */
export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.oci.image.config.v1+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
} as const;

export const indexTypes: readonly string[] = [mediaTypes.index, mediaTypes.dockerList];
export const manifestTypes: readonly string[] = [mediaTypes.manifest, mediaTypes.dockerManifest];
export const configTypes: readonly string[] = [mediaTypes.config, mediaTypes.dockerConfig];

/** Layers that can be unpacked; `nondistributable` and `foreign` ones carry the same content. */
export const layerTypes: readonly string[] = [
  mediaTypes.layer,
  mediaTypes.layerGzip,
  mediaTypes.layerZstd,
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
  'application/vnd.docker.image.rootfs.foreign.diff.tar',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
];
