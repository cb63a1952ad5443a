export type {
  Artifact,
  BuildCall,
  BuildProgress,
  LayeredRoot,
  MicrovmArtifacts,
  RootImage,
  SharedDirectory,
} from './artifacts.ts';
export { LocalArtifacts, type LocalArtifactsOptions } from './local-artifacts.ts';
export { ArtifactStore } from './artifact-store.ts';
export { CpioArchive } from './cpio-archive.ts';
export type { KernelPipeline } from './build-kernel.ts';
export { checkKernelImage } from './kernel-image.ts';
export { MachineImages, type MachineImage, type MachineImagesOptions } from './machine-images.ts';
export { PackedRoots, type PackedRootsOptions } from './packed-roots.ts';
export { MachineState } from './machine-state.ts';
export { identityOf } from './machine-identity.ts';
export { machineBootSchema, parseMachineFile, type MachineBoot, type MachineFile } from './machine-file.ts';
export { MachineBuild } from './machine-build.ts';
export { cpuModel } from './cpu-model.ts';
