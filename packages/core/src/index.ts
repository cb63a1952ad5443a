export type { ByteStream } from './contract/byte-stream.ts';
export type {
  Backend,
  Capabilities,
  Capability,
  Guest,
  GuestRecord,
  GuestState,
  GuestStats,
  Probe,
  Shortfall,
} from './contract/backend.ts';
export type { Action, ActionKind, Actor, Outcome } from './contract/action.ts';
export type { ContainerAction } from './contract/container-action.ts';
export type {
  ChangeRecord,
  ContainerEngine,
  EngineAbility,
  EngineEvent,
  NetworkMember,
  NetworkRecord,
  Networks,
  VolumeRecord,
  Volumes,
} from './contract/container-engine.ts';
export type {
  BuildOptions,
  ImageCallOptions,
  ImageConfig,
  ImageLibrary,
  ImageProgress,
  ImageRecord,
  PullOptions,
} from './contract/images.ts';
export type {
  ApplyOptions,
  ApplyResult,
  WorkspaceChange,
  WorkspaceReview,
} from './contract/workspace-review.ts';
export type { ApplyStep, StepId, UndoChange, UndoOptions } from './contract/apply-step.ts';
export type { Leftover, Sweeper } from './contract/leftovers.ts';
export type { LateBinding } from './contract/late-binding.ts';
export type { BootArtifact, BootArtifacts } from './contract/boot-artifacts.ts';
export type { SnapshotAction } from './contract/snapshot-action.ts';
export type { SnapshotId, SnapshotRecord, Snapshots } from './contract/snapshots.ts';
export type {
  ExecRequest,
  ExitStatus,
  GuestProcess,
  OutputChunk,
  OutputSink,
  ProcessInfo,
  StdinSource,
  TerminalSize,
} from './contract/exec.ts';
export type { FileChange, FileInfo, GuestFiles, ListPage, WriteOptions } from './contract/files.ts';
export type { GuestChannel, GuestWelcome, ResolvedExec } from './contract/guest-channel.ts';
export type {
  BegunConnect,
  BindOptions,
  BrokeredNetwork,
  BrokeredSandbox,
  Brokering,
  BrokerRecord,
  EgressDecision,
  EgressRecord,
  ExposedPort,
  LinkRecord,
  PublishedPort,
} from './contract/brokering.ts';
export type { Holder, NetworkTopology, TopologySandbox } from './contract/topology.ts';
export type { Denial } from './contract/denial.ts';
export type {
  GuestAddress,
  GuestTunnels,
  IncomingTunnel,
  ListenOptions,
  Tunnel,
  TunnelListener,
} from './contract/tunnels.ts';
export type {
  ImageSpec,
  LifetimeSpec,
  LimitSpec,
  PoolMark,
  SandboxId,
  SandboxSpec,
  Strategy,
  VolumeMount,
  WorkspaceSpec,
} from './contract/sandbox-spec.ts';

export { systemClock, type Clock } from './identity/clock.ts';
export {
  bootId,
  isAlive,
  isSameProcess,
  processIdentity,
  signalProcess,
  type ProcessIdentity,
} from './identity/process-identity.ts';
export { hostNameOf } from './identity/host-name.ts';
export { lockHolderIsAlive, releaseLock, tryLock } from './identity/owner-lock.ts';
export { isOwnedAlive, isOwnedName, ownedName, sweepAbandoned } from './identity/owned-name.ts';
export type { RandomSource } from './identity/random-name.ts';
export { createSandboxId, isSandboxId, parseSandboxId } from './identity/sandbox-id.ts';
export { createSnapshotId, isSnapshotId, parseSnapshotId } from './identity/snapshot-id.ts';
export { createStepId, isStepId, parseStepId } from './identity/step-id.ts';

export { parseBoundedJson, type JsonLimits } from './config/bounded-json.ts';
export { preparePrivateDirectory } from './config/private-directory.ts';
export type { RegistrySettings } from './config/registry-settings.ts';
export { statePaths, type StatePaths, type StatePathsInit } from './config/state-paths.ts';
export { loadUserConfig, parseUserConfig, type UserConfig } from './config/user-config.ts';

export { FileLedger, type FileLedgerOptions } from './ledger/file-ledger.ts';
export { fsyncModes, type FsyncMode, type Ledger, type LedgerRuntime } from './ledger/ledger.ts';
export { readLedger, type LedgerFilter, type LedgerRecord } from './ledger/read-ledger.ts';
export type { RecordKind } from './ledger/record-line.ts';
export { verifyLedger, type LedgerProblem, type LedgerVerdict } from './ledger/verify-ledger.ts';

export {
  BoundedOutput,
  defaultOutputBounds,
  type BoundedBytes,
  type OutputBounds,
} from './output/bounded-output.ts';
export { outputText } from './output/output-text.ts';

export { checkBindable } from './pool/check-bindable.ts';
export type { ClaimOptions, PoolOptions } from './pool/pool-options.ts';
export type { PoolStatus } from './pool/pool-status.ts';
export { SandboxPool } from './pool/sandbox-pool.ts';

export { ProbeCache, type ProbeCacheInit } from './selection/probe-cache.ts';
export {
  missingLayers,
  requiredLayers,
  type LayerNeed,
  type LayerRequirement,
} from './selection/required-layers.ts';
export {
  selectBackend,
  type RequestedTier,
  type Selection,
  type SelectionRequest,
  type SelectionStep,
} from './selection/select-backend.ts';
export { tierWarnings } from './selection/tier-warnings.ts';

export { checkWorkspace, type WorkspaceCheck } from './workspace/check-workspace.ts';

export {
  ActionPath,
  type ActionObserver,
  type BegunAction,
  type OutcomeFacts,
  type PerformOptions,
} from './runtime/action-path.ts';
export type { OpenChannel } from './runtime/connect-verified.ts';
export type { CreateOptions, WorkspaceOptions } from './runtime/create-options.ts';
export type { EnvChange } from './runtime/environment.ts';
export {
  Machines,
  type BuildOptions as MachineBuildOptions,
  type MachineHost,
  type ResumeOptions,
} from './runtime/machines.ts';
export { ExecResult } from './runtime/exec-result.ts';
export {
  facilityNames,
  type Facilities,
  type FacilityName,
  type FacilityStatus,
} from './runtime/facilities.ts';
export type { SpawnRequest } from './runtime/prepare-exec.ts';
export type { RunOptions } from './runtime/run-command.ts';
export type { SandboxListing } from './runtime/sandbox-directory.ts';
export { SandboxFiles } from './runtime/sandbox-files.ts';
export { SandboxHandle } from './runtime/sandbox-handle.ts';
export { RuntimeNetwork } from './runtime/runtime-network.ts';
export { SandboxNetwork, type PublishOptions } from './runtime/sandbox-network.ts';
export { SandboxProcess } from './runtime/sandbox-process.ts';
export { SandboxSession, type SessionOptions } from './runtime/sandbox-session.ts';
export type { SovereignRuntimeOptions } from './runtime/runtime-options.ts';
export { SovereignRuntime } from './runtime/sovereign-runtime.ts';
export type { AttachProcessOptions, SpawnOptions } from './runtime/spawn-process.ts';
export { Bridges, type Membership } from './containers/bridges.ts';
export type { BrokeredConnections } from './containers/connections.ts';
export type { ContainerHost } from './containers/container-host.ts';
export type { LogOptions, ProcessLog } from './containers/container-logs.ts';
export { ContainerPrimitives, type ContainerNetworkInfo } from './containers/container-primitives.ts';
export type { ContainerStatus, ContainerSummary } from './containers/container-summary.ts';
export type { ArchiveSource } from './containers/host-archive.ts';
export { Images, type EngineOption } from './containers/images.ts';
export type { CompletedScope, CompleteOptions, Scope, ScopeFailure } from './lifetime/scopes.ts';
export type { GarbageItem, GarbagePlan, SweptItem } from './lifetime/garbage.ts';
export { Introspection, type ContainerListing } from './containers/introspection.ts';
export { Lifecycle, type CommitOptions, type ForkOptions } from './containers/lifecycle.ts';
export { Review } from './containers/review.ts';
export { Steps, type StepFilter } from './containers/steps.ts';
export type { ContainerMetrics, HostMetrics, SystemMetrics } from './containers/system-metrics.ts';
export { Volumes as ContainerVolumes, type CreateVolumeOptions } from './containers/volumes.ts';
export { CopyTally, type CopyOptions, type CopyResult } from './copy/copy-tally.ts';
export { throwIfCancelled, toSovereignError } from './runtime/to-sovereign-error.ts';

export { formatSpecFile, parseSpecFile } from './state/spec-file.ts';
export { withoutStart, withStartLock } from './state/start-lock.ts';
export { isCorrupt, unknownSpec } from './state/unknown-spec.ts';
export { createFailed, undoCreate } from './state/create-errors.ts';
export { expectState } from './state/expect-state.ts';
export { hasHomeMark, homeMark } from './state/home-mark.ts';
export { until } from './state/until.ts';
export { corruptState, maxStateBytes, parseStateFile, stateCount, stateText } from './state/state-file.ts';
export {
  invalid,
  checkNonEmpty,
  checkWhole,
  checkOneOf,
  checkObject,
  checkString,
} from './runtime/argument-checks.ts';
export { checkGuestPath, checkResourceName } from './runtime/create-options.ts';
