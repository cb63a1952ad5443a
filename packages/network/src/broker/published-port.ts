import net from 'node:net';
import { SovereignError } from '@sovereign/protocol';
import type { BindOptions, BrokeredSandbox, PublishedPort, Tunnel } from '@sovereign/core';
import { tunnelOfSocket } from '../carry/socket-tunnel.ts';
import { Carried } from './carried.ts';
import { Kept, presence, type Opened } from './kept.ts';

const maxConnections = 256;
const dialTimeoutMs = 10_000;

export interface PortDoorInit extends BindOptions {
  readonly sandbox: BrokeredSandbox;
  readonly onGone: () => void;
  readonly onChange: () => void;
}

/** A port of this host that leads to one of a sandbox. */
export class PortDoor {
  readonly sandbox: BrokeredSandbox;
  readonly #port: number;
  readonly #server: net.Server;
  readonly #carried = new Carried(maxConnections);
  #presence: Kept<Opened> | undefined;

  private constructor(sandbox: BrokeredSandbox, port: number) {
    this.sandbox = sandbox;
    this.#port = port;
    this.#server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      void this.#serve(socket).catch(() => undefined);
    });
  }

  /** @throws SovereignError `port.taken`, `argument.invalid` */
  static async open(init: PortDoorInit): Promise<PortDoor> {
    const { sandbox, onGone, onChange } = init;
    const door = new PortDoor(sandbox, init.port);
    await door.#listen(init);
    try {
      door.#presence = await Kept.open({ sandbox, open: presence, onGone, onChange });
    } catch (error) {
      await door.close();
      throw error;
    }
    return door;
  }

  async #listen(options: BindOptions): Promise<void> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        reject(cannotListen(error, options));
      });
      server.listen({ host: options.hostAddress, port: options.hostPort, exclusive: true }, resolve);
    });
    server.removeAllListeners('error');
    // An error of accept (no descriptors left) concerns one connection that nobody took yet.
    server.on('error', () => undefined);
  }

  get record(): PublishedPort {
    const address = this.#server.address();
    const where = typeof address === 'object' ? address : null;
    return {
      sandbox: this.sandbox.id,
      port: this.#port,
      hostAddress: where?.address ?? '',
      hostPort: where?.port ?? 0,
    };
  }

  /** Open connections break at once. */
  async close(): Promise<void> {
    this.#carried.close();
    await this.#presence?.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  async #serve(socket: net.Socket): Promise<void> {
    const near = tunnelOfSocket(socket);
    if (!this.#carried.reserve()) {
      near.reset();
      return;
    }
    let far: Tunnel;
    try {
      const channel = await this.sandbox.channel();
      const address = { kind: 'tcp', port: this.#port } as const;
      far = await channel.tunnels.dial(address, AbortSignal.timeout(dialTimeoutMs));
    } catch (error) {
      this.#carried.giveBack();
      near.reset();
      throw error;
    }
    await this.#carried.join(near, far);
  }
}

function cannotListen(error: NodeJS.ErrnoException, { hostAddress, hostPort }: BindOptions): SovereignError {
  const isTaken = error.code === 'EADDRINUSE';
  return new SovereignError({
    reason: isTaken ? 'port.taken' : 'argument.invalid',
    message: `Cannot listen on ${hostAddress}, port ${hostPort} (${error.code ?? error.message}).`,
    hint: isTaken
      ? 'Take another port, or 0 for any that is free.'
      : 'Name an address of this host, and a port above 1023 unless you may use those below.',
    context: { hostAddress, hostPort },
  });
}
