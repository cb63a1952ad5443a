import {
  channelGeneration,
  decodeFrame,
  encodeFrame,
  frames,
  layerStates,
  SovereignError,
  type Layer,
  type LayerState,
} from '@sovereign/protocol';
import type { GuestWelcome } from '@sovereign/core';
import type { ChannelHandler } from './channel-handler.ts';
import { cancelled, protocolViolation } from './channel-errors.ts';
import { readRefusal } from './refusal.ts';
import { Settlement } from './settlement.ts';

/** Layers of isolation that a guest may name; we know of about a dozen. */
const maxLayers = 64;

const layerStateByNumber: ReadonlyMap<number, LayerState> = new Map(
  Object.entries(layerStates).map(([state, number]) => [number, state as keyof typeof layerStates]),
);

export function encodeHello(client: string): Uint8Array {
  return encodeFrame('hello', 0, {
    generation: channelGeneration.current,
    lowestGeneration: channelGeneration.lowest,
    client,
  });
}

/** Channel 0: who is there, and whether it still answers. */
export class ControlChannel implements ChannelHandler {
  readonly #welcome = new Settlement<GuestWelcome>();
  readonly #layers: Layer[] = [];
  readonly #pings = new Map<number, Settlement<number>>();
  readonly #onWelcome: () => void;
  #lastNonce = 0;
  #failure: Error | undefined;

  constructor(onWelcome: () => void) {
    this.#onWelcome = onWelcome;
  }

  get welcome(): Promise<GuestWelcome> {
    return this.#welcome.promise;
  }

  get isWelcomed(): boolean {
    return this.#welcome.isSettled;
  }

  /** Round trip in milliseconds. */
  async ping(send: (frame: Uint8Array) => void, signal?: AbortSignal): Promise<number> {
    if (signal?.aborted === true) throw cancelled('ping');
    if (this.#failure !== undefined) throw this.#failure;
    const nonce = ++this.#lastNonce;
    const answered = new Settlement<number>();
    this.#pings.set(nonce, answered);
    const onAbort = (): void => {
      answered.reject(cancelled('ping'));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const startedMs = performance.now();
    send(encodeFrame('ping', 0, { nonce }));
    try {
      return (await answered.promise) - startedMs;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  frame(code: number, payload: Uint8Array): void {
    if (code === frames.pong.code && this.isWelcomed) return this.#onPong(payload);
    if (this.isWelcomed)
      throw protocolViolation(`frame of type 0x${code.toString(16)} on channel 0 after the welcome`);
    if (code === frames.layer.code) return this.#onLayer(payload);
    if (code === frames.welcome.code) return this.#onWelcomeFrame(payload);
    if (code === frames.refused.code) throw readRefusal('hello', payload);
    throw protocolViolation(`frame of type 0x${code.toString(16)} on channel 0 before the welcome`);
  }

  dataStart(): void {
    throw protocolViolation('data on channel 0');
  }

  data(): boolean {
    return false;
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#welcome.reject(error);
    for (const ping of this.#pings.values()) ping.reject(error);
    this.#pings.clear();
  }

  #onPong(payload: Uint8Array): void {
    const { nonce } = decodeFrame('pong', payload);
    const ping = this.#pings.get(nonce);
    if (ping === undefined) throw protocolViolation('pong without a ping');
    this.#pings.delete(nonce);
    ping.resolve(performance.now());
  }

  #onLayer(payload: Uint8Array): void {
    const { name, state, detail } = decodeFrame('layer', payload);
    const stateName = layerStateByNumber.get(state);
    if (stateName === undefined) throw protocolViolation(`unknown state of a layer: ${state}`);
    if (this.#layers.length >= maxLayers) throw protocolViolation(`more than ${maxLayers} layers`);
    this.#layers.push({ name, state: stateName, detail });
  }

  #onWelcomeFrame(payload: Uint8Array): void {
    const { generation, pid, instance, version, roots } = decodeFrame('welcome', payload);
    if (generation < channelGeneration.lowest || generation > channelGeneration.current) {
      throw new SovereignError({
        reason: 'channel.generation',
        message: `The guest speaks generation ${generation} of the channel (${channelGeneration.lowest} to ${channelGeneration.current}).`,
        hint: 'Create the sandbox anew with this version, or use the version that created it.',
        context: { generation },
      });
    }
    this.#welcome.resolve({ generation, pid, instance, version, roots, layers: this.#layers });
    this.#onWelcome();
  }
}
