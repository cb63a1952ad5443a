export { createFakeBackend, type FakeBackend, type FakeBackendOptions } from './fake/fake-backend.ts';
export { FakeEngine } from './fake/engine/fake-engine.ts';
export { FakeGuest } from './fake/fake-guest.ts';
export { fakePrograms, type FakeProgram, type FakeProgramContext } from './fake/fake-program.ts';
export { createStreamPair, type PairedStream, type StreamPairOptions } from './fake/stream-pair.ts';
export type { ChannelFailure, FakeFailures } from './fake/fake-failures.ts';
export { backendContract } from './contract/backend-contract.ts';
export {
  BackendScene,
  environmentOf,
  type BackendContractOptions,
  type BackendDirectories,
  type OpenChannel,
} from './contract/backend-subject.ts';
export { channelContract } from './contract/channel-contract.ts';
export {
  ChannelSuite,
  Reader,
  collect,
  type ChannelContractOptions,
  type ChannelFacilities,
  type ChannelSubject,
  type Ran,
} from './contract/channel/channel-subject.ts';
export { containerEngineContract } from './contract/engine/engine-contract.ts';
export type { EngineContractOptions, Published } from './contract/engine/engine-subject.ts';
export { networksContract } from './contract/engine/networks-contract.ts';
export { eventually, within } from './contract/eventually.ts';
export {
  hostProcesses,
  hostProcessesNamed,
  networkNamespaceOf,
  readHostProcess,
  uniqueSleep,
  type HostProcess,
} from './contract/host-processes.ts';
export {
  expectNothingLeft,
  leakSnapshot,
  leaksBetween,
  type LeakScope,
  type LeakSnapshot,
} from './contract/leak-snapshot.ts';
export { sandboxSpecForTest, uniqueSandboxId } from './contract/sandbox-spec-for-test.ts';
export { tierTest, type Absence } from './contract/tier-test.ts';
export {
  hostNeeds,
  requiredNeeds,
  skipOrFail,
  type HostNeed,
  type Skippable,
} from './requirements/host-needs.ts';
export { requirements, type Due, type Requirement, type RequirementId } from './requirements/registry.ts';
export { verifies, type TestBody, type VerifiesOptions } from './requirements/verifies.ts';
export {
  digestOf,
  emptyImageConfig,
  ociDigests,
  readOciArchive,
  writeOciArchive,
  type OciDigests,
  type OciImage,
} from './archive/oci-archive.ts';
export { readTar, tarDirectory, tarFile, tarLink, writeTar, type TarEntry } from './archive/tar.ts';
export { busyboxAbsence, testRootfs } from './archive/test-rootfs.ts';
