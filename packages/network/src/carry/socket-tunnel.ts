import type { Socket } from 'node:net';
import { SovereignError } from '@sovereign/protocol';
import type { Tunnel } from '@sovereign/core';

/** A socket of this host as one end of what is carried. It belongs to the tunnel from now on. */
export function tunnelOfSocket(socket: Socket): Tunnel {
  return new SocketTunnel(socket);
}

class SocketTunnel implements Tunnel {
  readonly closed: Promise<Error | undefined>;
  readonly #socket: Socket;
  #error: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('error', (error) => {
      this.#error ??= broken(error.message);
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        const isWhole = socket.readableEnded && socket.writableFinished;
        resolve(isWhole ? undefined : (this.#error ?? broken('closed')));
      });
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    try {
      for await (const chunk of this.#socket.iterator({ destroyOnReturn: false })) {
        if (chunk instanceof Uint8Array) yield chunk;
      }
    } catch (error) {
      throw this.#error ?? broken(error instanceof Error ? error.message : 'unknown error');
    }
    return undefined;
  }

  write(bytes: Uint8Array): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return Promise.reject(this.#error ?? broken('closed'));
    if (socket.write(bytes)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        socket.off('drain', settle);
        socket.off('close', settle);
        if (socket.destroyed) reject(this.#error ?? broken('closed'));
        else resolve();
      };
      socket.once('drain', settle);
      socket.once('close', settle);
    });
  }

  end(): void {
    if (!this.#socket.writableEnded) this.#socket.end();
  }

  reset(): void {
    this.#error ??= broken('cut off by this side');
    if (!this.#socket.destroyed) this.#socket.resetAndDestroy();
  }
}

function broken(how: string): SovereignError {
  return new SovereignError({
    reason: 'tunnel.reset',
    message: `A connection of this host broke: ${how}.`,
    hint: 'Connect again if it is still wanted.',
  });
}
