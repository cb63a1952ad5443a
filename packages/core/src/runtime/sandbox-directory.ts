import type { BackendName } from '@sovereign/protocol';
import type { Backend, Guest, GuestRecord } from '../contract/backend.ts';
import { isSandboxId } from '../identity/sandbox-id.ts';
import { sandboxNotFound } from './sandbox-errors.ts';
import { toSovereignError } from './to-sovereign-error.ts';

export interface SandboxListing {
  /** Oldest first. */
  readonly sandboxes: readonly GuestRecord[];
  /** Backends that could not say what they have. */
  readonly problems: readonly {
    readonly backend: BackendName;
    readonly message: string;
    readonly hint: string;
  }[];
}

/** Finds sandboxes among backends, each of which keeps its own. */
export class SandboxDirectory {
  readonly #backends: readonly Backend[];

  constructor(backends: readonly Backend[]) {
    this.#backends = backends;
  }

  async list(): Promise<SandboxListing> {
    const answers = await Promise.allSettled(this.#backends.map(async (backend) => backend.list()));
    const sandboxes: GuestRecord[] = [];
    const problems: SandboxListing['problems'][number][] = [];
    for (const [index, backend] of this.#backends.entries()) {
      const answer = answers[index];
      if (answer?.status === 'fulfilled') sandboxes.push(...answer.value);
      if (answer?.status !== 'rejected') continue;
      const { message, hint } = toSovereignError(answer.reason);
      problems.push({ backend: backend.name, message, hint });
    }
    sandboxes.sort((a, b) => a.spec.createdMs - b.spec.createdMs);
    return { sandboxes, problems };
  }

  /** @throws SovereignError `sandbox.not-found`, or why the one backend that may have it could not answer */
  async find(idOrName: string): Promise<{ readonly guest: Guest; readonly backend: Backend }> {
    return isSandboxId(idOrName) ? this.#findById(idOrName) : this.#findByName(idOrName);
  }

  async #findById(id: GuestRecord['id']): Promise<{ readonly guest: Guest; readonly backend: Backend }> {
    let trouble: Error | undefined;
    for (const backend of this.#backends) {
      try {
        return { guest: await backend.attach(id), backend };
      } catch (error) {
        const failure = toSovereignError(error);
        if (failure.reason !== 'sandbox.not-found') trouble ??= failure;
      }
    }
    throw trouble ?? sandboxNotFound(id);
  }

  /**
   * One backend after the other: one whose sandboxes are files answers at once, and a daemon that is slow or gone is not asked for
   * what another has. Names are unique among all of them.
   */
  async #findByName(name: string): Promise<{ readonly guest: Guest; readonly backend: Backend }> {
    for (const backend of this.#backends) {
      const records = await backend.list().catch((): readonly GuestRecord[] => []);
      const record = records.find(({ spec }) => spec.name === name);
      if (record !== undefined) return { guest: await backend.attach(record.id), backend };
    }
    throw sandboxNotFound(name);
  }
}
