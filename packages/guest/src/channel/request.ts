import { decodeFrame, frameNameByCode, type FrameName } from '@sovereign/protocol';
import type { ChannelHandler } from './channel-handler.ts';
import { protocolViolation } from './channel-errors.ts';
import { readRefusal } from './refusal.ts';
import { Settlement } from './settlement.ts';

/** What answers a request besides `refused`. */
export interface RequestShape<T> {
  readonly request: FrameName;
  /** Takes a frame that comes before the terminal one. Returns false for one that does not belong there. */
  readonly onFrame?: (name: FrameName, payload: Uint8Array) => boolean;
  /** The terminal frame. Default: `done`. */
  readonly terminal?: FrameName;
  /** Makes the result of the terminal frame; `count` is that of `done`. May throw `channel.protocol`. */
  readonly finish: (count: number, payload: Uint8Array) => T;
  /** The channel has ended, one way or the other. */
  readonly onEnd?: (error?: Error) => void;
}

/** One request that is answered by some frames and an end. */
export class Request<T> implements ChannelHandler {
  readonly #shape: RequestShape<T>;
  readonly #result = new Settlement<T>();

  constructor(shape: RequestShape<T>) {
    this.#shape = shape;
  }

  get result(): Promise<T> {
    return this.#result.promise;
  }

  frame(code: number, payload: Uint8Array): void {
    const shape = this.#shape;
    const name = frameNameByCode.get(code);
    if (name === 'refused') {
      this.fail(readRefusal(shape.request, payload));
    } else if (name === (shape.terminal ?? 'done')) {
      this.#result.resolve(shape.finish(name === 'done' ? decodeFrame('done', payload).count : 0, payload));
      shape.onEnd?.();
    } else if (name === undefined || shape.onFrame?.(name, payload) !== true) {
      throw protocolViolation(`${name ?? code} as an answer to ${shape.request}`);
    }
  }

  dataStart(code: number): void {
    throw protocolViolation(`${frameNameByCode.get(code) ?? code} as an answer to ${this.#shape.request}`);
  }

  data(): boolean {
    return false;
  }

  fail(error: Error): void {
    this.#result.reject(error);
    this.#shape.onEnd?.(error);
  }
}
