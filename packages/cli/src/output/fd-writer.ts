import { write } from 'node:fs';

/** Whoever read our output has closed it. Nobody is to be told: the one who would read it is gone. */
export class OutputClosed extends Error {
  constructor() {
    super('output closed');
    this.name = 'OutputClosed';
  }
}

/** How long to wait before trying again to write where somebody else has made the descriptor non-blocking. */
const retryMs = 5;

/**
 * Writes to a file descriptor at the pace of its reader, without stopping the event loop: a reader that stalls must not keep a
 * signal from being handled, which `process.stdout` on a file or a terminal would.
 */
export class FdWriter {
  readonly #fd: number;
  #last: Promise<void> = Promise.resolve();
  #pending = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Something is still to be taken by the reader. */
  get isBusy(): boolean {
    return this.#pending > 0;
  }

  /** Resolves when all of it was taken; what is written meanwhile comes after. @throws OutputClosed */
  write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    this.#pending++;
    const written = this.#last.then(() => this.#all(bytes)).finally(() => this.#pending--);
    this.#last = written.catch(() => undefined);
    return written;
  }

  async #all(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#some(bytes, at);
  }

  #some(bytes: Uint8Array, at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.#fd, bytes, at, bytes.length - at, null, (error, written) => {
        if (error === null) resolve(written);
        else if (error.code === 'EAGAIN') setTimeout(resolve, retryMs, 0);
        else reject(['EPIPE', 'EIO', 'EBADF'].includes(error.code ?? '') ? new OutputClosed() : error);
      });
    });
  }
}
