export {
  connectGuestChannel,
  type GuestChannelOptions,
  type HostGuestChannel,
} from './channel/guest-channel.ts';
export type { GuestSystem, MachineIdentity, MachineUsage } from './channel/guest-system.ts';
export type { RecyclingStream } from './channel/connection.ts';
export { checkSocketPath, connectUnixSocket, type UnixSocketOptions } from './transport/unix-socket.ts';
export { connectVsock, type VsockOptions } from './transport/vsock-handshake.ts';
export { streamOfStdioPair, type StdioPair } from './transport/stdio-pair.ts';
export { findShelld } from './shelld-binary.ts';
export { bubblewrapArguments, type BubblewrapSpec, type MountEntry } from './launch/bubblewrap.ts';
export { hostExpectations } from './launch/host-expectations.ts';
export { findProgram } from './launch/find-program.ts';
export {
  guestDefaults,
  imageDirectory,
  workspaceTarget,
  type ImageDefaults,
} from './launch/guest-defaults.ts';
export { guestPaths, guestSearchPath } from './launch/guest-mounts.ts';
export { etcAllowList, prepareHostRoot, type HostRoot, type SystemMount } from './launch/host-root.ts';
export {
  firstLines,
  launchGuest,
  stagedPath,
  type LaunchedGuest,
  type LaunchRequest,
  type StagedOverlay,
  type StagedPath,
} from './launch/launch-guest.ts';
export { ownedName, sweepAbandoned } from '@sovereign/core';
export { LaunchHelper, type HelperResult } from './launch/launch-helper.ts';
export { shieldedPaths, workspaceMounts, type WorkspaceMounts } from './launch/workspace-mounts.ts';
export { keptCapabilities } from './launch/kept-capabilities.ts';
export { innerSocketPath, relayCommand } from './launch/private-door.ts';
