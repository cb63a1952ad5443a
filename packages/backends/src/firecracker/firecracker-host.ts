import type { ByteStream, SandboxId, SandboxSpec } from '@sovereign/core';
import type { GuestSystem } from '@sovereign/guest';
import type { MachineState } from '@sovereign/microvm';
import type { FirecrackerApi } from './firecracker-api.ts';

/** A conversation of the backend's own with the init of a machine, beside those of callers. */
export interface MachineConversation extends Pick<GuestSystem, 'identify' | 'sync' | 'shutdown' | 'usage'> {
  close(): Promise<void>;
}

/** Speaks to the init of a machine over a stream. Rejects when it does not answer within `timeoutMs`. */
export type Converse = (stream: ByteStream, timeoutMs: number) => Promise<MachineConversation>;

/** What a guest needs of its backend. */
export interface FirecrackerHost {
  readonly state: MachineState;
  readonly converse: Converse;
  /** Path, short enough for a socket, of the directory that the sandbox's monitor runs in. */
  socketDirectory(id: SandboxId): string;
  api(id: SandboxId): FirecrackerApi;
  /** Starts the machine and records it; nobody else may start or end it meanwhile. */
  launch(spec: SandboxSpec, signal?: AbortSignal): Promise<void>;
  /** Removes the sockets of a monitor that has ended. */
  clearSockets(id: SandboxId): void;
  /** Removes the directory that a monitor ran in, and its control groups. */
  clear(id: SandboxId): Promise<void>;
}
