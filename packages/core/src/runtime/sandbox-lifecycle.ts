import { SovereignError } from '@sovereign/protocol';
import type { Action } from '../contract/action.ts';
import type { Capability } from '../contract/backend.ts';
import type { LimitSpec } from '../contract/sandbox-spec.ts';
import type { GuestChannel } from '../contract/guest-channel.ts';
import { checkWhole } from './argument-checks.ts';
import { checkLimits } from './create-options.ts';
import type { LiveSandbox } from './live-sandbox.ts';
import { notRunning } from './sandbox-errors.ts';
import { toSovereignError } from './to-sovereign-error.ts';

/** Start, stop, pause, resume, limits and removal of one sandbox. What a backend cannot do is refused before it is asked. */
export class SandboxLifecycle {
  readonly #live: LiveSandbox;
  /** Connects, checks health and layers; puts the channel and the report in place. */
  readonly #connect: (signal?: AbortSignal) => Promise<GuestChannel>;

  constructor(live: LiveSandbox, connect: (signal?: AbortSignal) => Promise<GuestChannel>) {
    this.#live = live;
    this.#connect = connect;
  }

  /** Starts a created or stopped sandbox and checks it like a new one; when it does not pass it is stopped again. */
  async start(signal?: AbortSignal): Promise<void> {
    const { guest, channels } = this.#live;
    await this.#perform({ kind: 'sandbox.start', sandbox: guest.id }, async () => {
      await guest.start(signal);
      try {
        channels.adopt(await this.#connect(signal));
      } catch (error) {
        await guest.stop({ graceMs: 0 }).catch((left: unknown) => {
          // It has ended by itself, or was removed: what is worth saying is why it did not pass.
          if (toSovereignError(left).reason !== 'sandbox.not-running') throw left;
        });
        throw error;
      }
      channels.allow();
    });
  }

  /** Asks everything inside to end and kills what is left after `graceMs`, default 10,000. */
  async stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    const { guest, channels } = this.#live;
    const graceMs = options.graceMs ?? 10_000;
    checkWhole('graceMs', graceMs, { min: 0, max: 3_600_000 });
    this.#require('canStop', 'stop');
    await this.#perform({ kind: 'sandbox.stop', sandbox: guest.id, graceMs }, async () => {
      await guest.stop({ graceMs });
      this.#refuse('stopped');
      await channels.close();
    });
    this.#live.sessions.clear();
  }

  async pause(): Promise<void> {
    const { guest } = this.#live;
    this.#require('canPause', 'pause');
    await this.#perform({ kind: 'sandbox.pause', sandbox: guest.id }, async () => {
      await guest.pause();
      this.#refuse('paused');
    });
  }

  async resume(): Promise<void> {
    const { guest, channels } = this.#live;
    this.#require('canPause', 'resume');
    await this.#perform({ kind: 'sandbox.resume', sandbox: guest.id }, async () => {
      await guest.resume();
      channels.allow();
    });
  }

  async setLimits(limits: LimitSpec): Promise<void> {
    const { guest } = this.#live;
    checkLimits(limits);
    this.#require('canSetLimits', 'change limits');
    await this.#perform({ kind: 'sandbox.setLimits', sandbox: guest.id, limits }, () =>
      guest.setLimits(limits),
    );
  }

  /** Kills everything and leaves nothing behind. May be called again when it failed. */
  async remove(): Promise<void> {
    const { guest, channels } = this.#live;
    await this.#perform({ kind: 'sandbox.remove', sandbox: guest.id }, async () => {
      this.#refuse('removed');
      await guest.remove();
      await channels.close();
    });
  }

  #perform(action: Action, run: () => Promise<void>): Promise<void> {
    return this.#live.actions.perform({ action, runtime: this.#live.report }, run);
  }

  #refuse(state: 'stopped' | 'paused' | 'removed'): void {
    const { id, channels } = this.#live;
    channels.refuse(notRunning(id, state));
  }

  #require(capability: Capability, what: string): void {
    requireCapability(this.#live, capability, what);
  }
}

/** @throws SovereignError `capability.missing` */
export function requireCapability(
  live: Pick<LiveSandbox, 'capabilities' | 'backend'>,
  capability: Capability,
  what: string,
): void {
  if (live.capabilities[capability]) return;
  const shortfall = live.capabilities.shortfalls?.[capability];
  const why = shortfall === undefined ? `(${capability})` : `here: ${shortfall.why}`;
  throw new SovereignError({
    reason: 'capability.missing',
    message: `Backend ${live.backend} cannot ${what} ${why}.`,
    hint: shortfall?.hint ?? 'Take a backend that declares the capability.',
    context: { backend: live.backend, capability },
  });
}
