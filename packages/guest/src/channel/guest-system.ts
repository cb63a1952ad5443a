import { decodeFrame, encodeFrame, mountFlags, type FrameName } from '@sovereign/protocol';
import type { Connection } from './connection.ts';
import { Request } from './request.ts';

/** Who a virtual machine is from now on. */
export interface MachineIdentity {
  /** At least 32 bytes of randomness that nobody else has. */
  readonly entropy: Uint8Array;
  /** Unix time in microseconds. */
  readonly realtimeUs: number;
  readonly hostName: string;
  /** 32 hexadecimal digits. */
  readonly machineId: string;
}

/** Use of a machine as its own kernel counts it: a claim of the guest. */
export interface MachineUsage {
  readonly processes: number;
  readonly memoryBytes: number;
}

/** What the host asks of a shelld that is init of a virtual machine. Any other refuses with `capability.missing`. */
export interface GuestSystem {
  /** Reseeds the random generator, then sets clock, host name, machine id and boot id. */
  identify(identity: MachineIdentity): Promise<void>;
  /** Mounts a directory that the host shares. */
  mount(share: { readonly tag: string; readonly path: string; readonly isReadOnly: boolean }): Promise<void>;
  unmount(path: string): Promise<void>;
  /** Writes everything to the disk. */
  sync(): Promise<void>;
  /** SIGTERM to everything, SIGKILL after the grace; then the machine ends. Returns when it has begun. */
  shutdown(graceMs: number): Promise<void>;
  usage(): Promise<MachineUsage>;
}

export class ChannelSystem implements GuestSystem {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  identify(identity: MachineIdentity): Promise<void> {
    return this.#do('system.identify', (channel) => encodeFrame('system.identify', channel, identity));
  }

  mount(share: { readonly tag: string; readonly path: string; readonly isReadOnly: boolean }): Promise<void> {
    const { tag, path, isReadOnly } = share;
    const flags = isReadOnly ? mountFlags.readOnly : 0;
    return this.#do('system.mount', (channel) => encodeFrame('system.mount', channel, { tag, path, flags }));
  }

  unmount(path: string): Promise<void> {
    return this.#do('system.unmount', (channel) => encodeFrame('system.unmount', channel, { path }));
  }

  sync(): Promise<void> {
    return this.#do('system.sync', (channel) => encodeFrame('system.sync', channel, {}));
  }

  shutdown(graceMs: number): Promise<void> {
    return this.#do('system.shutdown', (channel) => encodeFrame('system.shutdown', channel, { graceMs }));
  }

  usage(): Promise<MachineUsage> {
    const request = new Request<MachineUsage>({
      request: 'system.usage',
      terminal: 'system.used',
      finish: (_count, payload) => decodeFrame('system.used', payload),
    });
    this.#connection.open(request, (channel) => encodeFrame('system.usage', channel, {}));
    return request.result;
  }

  #do(name: FrameName, encode: (channel: number) => Uint8Array): Promise<void> {
    const request = new Request<undefined>({ request: name, finish: () => undefined });
    this.#connection.open(request, encode);
    return request.result;
  }
}
