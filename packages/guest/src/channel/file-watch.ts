import { decodeFrame, encodeFrame, frames } from '@sovereign/protocol';
import type { FileChange } from '@sovereign/core';
import type { ChannelHandler } from './channel-handler.ts';
import { cancelled, protocolViolation } from './channel-errors.ts';
import type { Connection } from './connection.ts';
import { readFileChange } from './file-info.ts';
import { PullIterator, type PullSource } from './pull-iterator.ts';
import { readRefusal } from './refusal.ts';
import { Settlement } from './settlement.ts';

/** Changes that wait for a slow consumer. Beyond, they are dropped and one `overflow` says so. */
const maxQueuedChanges = 4_096;

/** One watched path. Ends when the consumer leaves its loop, the signal aborts, or the guest ends it. */
export class FileWatch implements ChannelHandler, PullSource<FileChange> {
  readonly #connection: Connection;
  readonly #signal: AbortSignal | undefined;
  readonly #watching = new Settlement<AsyncIterable<FileChange>>();
  readonly #iterator = new PullIterator<FileChange>(this);
  readonly #onAbort = (): void => {
    this.#watching.reject(cancelled('file.watch'));
    this.leave();
  };
  #changes: FileChange[] = [];
  #channel = 0;
  #hasEnded = false;

  constructor(connection: Connection, signal: AbortSignal | undefined) {
    this.#connection = connection;
    this.#signal = signal;
  }

  /** Resolves when every change from now on is reported. */
  async open(path: string): Promise<AsyncIterable<FileChange>> {
    if (this.#signal?.aborted === true) throw cancelled('file.watch');
    this.#channel = this.#connection.open(this, (channel) => encodeFrame('file.watch', channel, { path }));
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    return this.#watching.promise;
  }

  frame(code: number, payload: Uint8Array): void {
    if (code === frames.refused.code) {
      this.fail(readRefusal('file.watch', payload));
    } else if (code === frames.done.code) {
      decodeFrame('done', payload);
      if (!this.#watching.isSettled) throw protocolViolation('done as an answer to file.watch');
      this.#end();
    } else if (code === frames['file.watching'].code && !this.#watching.isSettled) {
      this.#watching.resolve(this.#iterator);
    } else if (code === frames['file.changed'].code && this.#watching.isSettled) {
      this.#onChange(readFileChange(payload));
    } else if (!this.#hasEnded) {
      throw protocolViolation(`frame of type 0x${code.toString(16)} on the channel of a watch`);
    }
  }

  dataStart(): void {
    throw protocolViolation('data on the channel of a watch');
  }

  data(): boolean {
    return false;
  }

  fail(error: Error): void {
    this.#watching.reject(error);
    this.#end(error);
  }

  take(): FileChange | undefined {
    return this.#changes.shift();
  }

  leave(): undefined {
    if (this.#hasEnded) return undefined;
    this.#connection.send(encodeFrame('cancel', this.#channel, {}));
    this.#changes = [];
    this.#end();
    return undefined;
  }

  #onChange(change: FileChange): void {
    if (this.#hasEnded) return;
    if (this.#iterator.isWaiting) this.#iterator.deliver(change);
    else if (this.#changes.length < maxQueuedChanges) this.#changes.push(change);
    else if (this.#changes.length === maxQueuedChanges) this.#changes.push({ kind: 'overflow', name: '' });
  }

  #end(error?: Error): void {
    this.#hasEnded = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#iterator.end(error);
  }
}
