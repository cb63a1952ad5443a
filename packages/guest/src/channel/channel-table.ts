import { channelLimits, SovereignError } from '@sovereign/protocol';
import type { ChannelHandler } from './channel-handler.ts';
import { protocolViolation } from './channel-errors.ts';

const maxChannelId = 0xffff_ffff;
/** Frames for channels that have ended which one connection may send; an honest guest sends few or none. */
const maxStrayFrames = 1_024;

/** The channels open on one connection, by id. Ids count up, wrap, and skip those in use; 0 is the connection itself. */
export class ChannelTable {
  readonly #handlers = new Map<number, ChannelHandler>();
  #lastId: number;
  #hasWrapped = false;
  #strayFrames = 0;

  constructor(lastId = 0) {
    this.#lastId = lastId;
  }

  /**
   * The id for the next channel, which `open` takes into use.
   *
   * @throws SovereignError `guest.exhausted` when as many channels are open as a guest serves.
   */
  nextId(): number {
    if (this.#handlers.size >= channelLimits.maxChannelsPerConnection) {
      throw new SovereignError({
        reason: 'guest.exhausted',
        message: `The guest serves no more calls at once on this connection: ${this.#handlers.size} are open (at most ${channelLimits.maxChannelsPerConnection}).`,
        hint: 'Wait for calls to end, or detach from processes.',
      });
    }
    let id = this.#lastId;
    do {
      if (id === maxChannelId) this.#hasWrapped = true;
      id = id === maxChannelId ? 1 : id + 1;
    } while (this.#handlers.has(id));
    return id;
  }

  open(id: number, handler: ChannelHandler): void {
    this.#handlers.set(id, handler);
    this.#lastId = id;
  }

  /** Who takes a frame. Undefined for a channel that has ended: the frame is ignored. */
  find(id: number): ChannelHandler | undefined {
    const handler = this.#handlers.get(id);
    if (handler === undefined) this.#judgeStray(id);
    return handler;
  }

  end(id: number): void {
    this.#handlers.delete(id);
  }

  failAll(error: Error): void {
    const handlers = [...this.#handlers.values()];
    this.#handlers.clear();
    for (const handler of handlers) handler.fail(error);
  }

  #judgeStray(id: number): void {
    if (id === 0 || (id > this.#lastId && !this.#hasWrapped))
      throw protocolViolation(`frame on channel ${id}, which was never opened`);
    if (++this.#strayFrames > maxStrayFrames)
      throw protocolViolation(`more than ${maxStrayFrames} frames on channels that have ended`);
  }
}
