import type { SandboxId } from '@sovereign/core';
import type { HostGuestChannel } from '@sovereign/guest';

/**
 * Our conversations with machines that a pool of this process keeps ready. Beginning one takes longer than all the rest of
 * a claim, so that with which a machine was told who it is stays open until it is claimed. What is not here, because
 * another process made it, is begun anew.
 */
export class WarmConversations {
  readonly #channels = new Map<SandboxId, HostGuestChannel>();

  /** Keeps one until it is taken, closed, or ends with its machine. */
  keep(id: SandboxId, channel: HostGuestChannel): void {
    this.#channels.set(id, channel);
    void channel.closed.then(() => {
      if (this.#channels.get(id) === channel) this.#channels.delete(id);
    });
  }

  /** Hands it out; it is the caller's to close. */
  take(id: SandboxId): HostGuestChannel | undefined {
    const channel = this.#channels.get(id);
    this.#channels.delete(id);
    return channel;
  }

  async close(): Promise<void> {
    const open = [...this.#channels.values()];
    this.#channels.clear();
    await Promise.all(open.map((channel) => channel.close()));
  }
}
