import { SovereignError } from '@sovereign/protocol';
import {
  expectState,
  throwIfCancelled,
  type ByteStream,
  type Guest,
  type GuestState,
  type GuestStats,
  type LimitSpec,
  type SandboxId,
  type SandboxSpec,
} from '@sovereign/core';
import { firstLines, guestDefaults, type ImageDefaults } from '@sovereign/guest';
import { guestState, readInspect, type ContainerInspect } from './container-state.ts';
import { EngineRefusal, meaningOf, type RefusalMeaning } from './engine-errors.ts';
import type { EngineClient } from './engine-client.ts';
import { containerName } from './sandbox-labels.ts';
import { readStats } from './guest-stats.ts';

/** What a guest needs of its backend. */
export interface DockerGuestHost {
  readonly client: EngineClient;
  /** Starts the container and waits until shelld listens. */
  launch(guest: DockerGuest): Promise<void>;
  connect(guest: DockerGuest, signal: AbortSignal | undefined): Promise<ByteStream>;
  /** Forgets what of it is on this host, and the image of a fork. */
  clear(id: SandboxId, isFork: boolean): Promise<void>;
  /** Whether limits of a running container can be changed, asked of the engine. */
  update(id: SandboxId, limits: LimitSpec): Promise<void>;
}

/** How long an engine may take to end a killed container before we report it. */
const killTimeoutMs = 20_000;

/** One sandbox in an engine. It holds nothing in memory that the engine does not know. */
export class DockerGuest implements Guest {
  readonly id: SandboxId;
  readonly spec: SandboxSpec;
  readonly workspacePath: string;
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly isHomeDefault: boolean;
  /** It was brought up by us, and nobody has connected to it yet. */
  isNew = false;
  /** Where its container has mounts, when it was made by this handle. */
  mountTargets: readonly string[] | undefined;
  readonly #host: DockerGuestHost;
  /** It has an image of its own. */
  readonly #isFork: boolean;

  constructor(spec: SandboxSpec, image: ImageDefaults | undefined, host: DockerGuestHost, isFork = false) {
    this.id = spec.id;
    this.spec = spec;
    const { workspacePath, baseEnv, user, isHomeDefault } = guestDefaults(spec, image);
    this.workspacePath = workspacePath;
    this.baseEnv = baseEnv;
    if (user !== undefined) this.user = user;
    this.isHomeDefault = isHomeDefault;
    this.#host = host;
    this.#isFork = isFork;
  }

  async status(): Promise<GuestState> {
    const state = guestState((await this.inspect()).State.Status);
    if (state === undefined) throw notFound(this.id);
    return state;
  }

  async start(signal?: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    await this.expect(['created', 'stopped'], 'start');
    await this.#host.launch(this);
    this.isNew = true;
  }

  async stop(options: { readonly graceMs: number }): Promise<void> {
    const state = await this.expect(['running', 'paused'], 'stop');
    if (state === 'paused') await this.#act('unpause');
    if (options.graceMs > 0) {
      await this.#signal('SIGTERM');
      if (await this.#hasEnded(options.graceMs)) return;
    }
    await this.#signal('SIGKILL');
    if (await this.#hasEnded(killTimeoutMs)) return;
    throw new SovereignError({
      reason: 'engine.failed',
      message: `The container of ${this.id} is still there ${killTimeoutMs / 1000} s after SIGKILL.`,
      hint: 'Look at the log of the engine, and try again.',
      context: { id: this.id },
    });
  }

  async pause(): Promise<void> {
    await this.expect(['running'], 'pause');
    await this.#act('pause');
  }

  async resume(): Promise<void> {
    await this.expect(['paused'], 'resume');
    await this.#act('unpause');
  }

  async setLimits(limits: LimitSpec): Promise<void> {
    await this.expect(['running', 'paused'], 'set limits of');
    await this.#host.update(this.id, limits);
  }

  async stats(): Promise<GuestStats> {
    await this.expect(['running', 'paused'], 'measure');
    // One shot: without it an engine measures twice, a second apart.
    const answer = await this.#call('measure', 'GET', '/stats', { stream: false, 'one-shot': true });
    return readStats(answer);
  }

  async connect(signal?: AbortSignal): Promise<ByteStream> {
    if (!this.isNew) await this.expect(['running'], 'connect to');
    const stream = await this.#host.connect(this, signal);
    this.isNew = false;
    return stream;
  }

  async remove(): Promise<void> {
    const name = containerName(this.id);
    await this.#endForPodman();
    try {
      await this.#host.client.json({
        method: 'DELETE',
        path: `/containers/${name}`,
        query: { force: true, v: true },
      });
    } catch (error) {
      if (!(error instanceof EngineRefusal) || (error.status !== 404 && error.status !== 409))
        throw meaningOf(error, `Sandbox ${this.id} could not be removed`, [removeFailed]);
      // Somebody else is at it.
      if (error.status === 409) await this.#untilGone();
    }
    await this.#host.clear(this.id, this.#isFork);
  }

  /** What the engine says of it now. @throws SovereignError `sandbox.not-found` */
  async inspect(): Promise<ContainerInspect> {
    try {
      const path = `/containers/${containerName(this.id)}/json`;
      return readInspect(await this.#host.client.json({ method: 'GET', path }));
    } catch (error) {
      if (error instanceof EngineRefusal && error.status === 404) throw notFound(this.id);
      throw meaningOf(error, `Sandbox ${this.id} could not be looked at`);
    }
  }

  /** What shelld printed, cut for an error message. */
  async console(): Promise<string> {
    try {
      const path = `/containers/${containerName(this.id)}/logs`;
      const query = { stdout: true, stderr: true, tail: 10 };
      const text = await this.#host.client.text({ method: 'GET', path, query, timeoutMs: 5_000 });
      // Lines come behind headers of eight bytes, whose control characters are cut.
      return firstLines(text.slice(0, 64 * 1024));
    } catch {
      return firstLines('');
    }
  }

  async expect(states: readonly GuestState[], operation: string): Promise<GuestState> {
    const state = await this.status();
    expectState(this.id, state, states, operation);
    return state;
  }

  async #signal(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    try {
      const path = `/containers/${containerName(this.id)}/kill`;
      await this.#host.client.json({ method: 'POST', path, query: { signal } });
    } catch (error) {
      // It has ended meanwhile: 409 of Docker, 409 or 500 of Podman.
      if (error instanceof EngineRefusal && (await this.status()) !== 'running') return;
      throw meaningOf(error, `Sandbox ${this.id} could not be sent ${signal}`);
    }
  }

  /** False when it still runs after that time. */
  async #hasEnded(withinMs: number): Promise<boolean> {
    const path = `/containers/${containerName(this.id)}/wait`;
    const patience = AbortSignal.timeout(withinMs);
    try {
      await this.#host.client.json({
        method: 'POST',
        path,
        query: { condition: 'not-running' },
        signal: patience,
        timeoutMs: null,
      });
      return true;
    } catch (error) {
      if (patience.aborted) return (await this.status()) !== 'running';
      throw meaningOf(error, `Sandbox ${this.id} could not be waited for`);
    }
  }

  /**
   * Podman's removal of a container that runs says that it was stopped, or does not: two of its processes race for that
   * (libpod, Container.stop). Of one that has ended it never does.
   */
  async #endForPodman(): Promise<void> {
    try {
      if (!(await this.#host.client.greeting()).isPodman) return;
      await this.#signal('SIGKILL');
      await this.#hasEnded(killTimeoutMs);
    } catch {
      // It is gone, or paused, or the engine is: the removal knows what to do with that, and says it.
    }
  }

  async #untilGone(): Promise<void> {
    const path = `/containers/${containerName(this.id)}/wait`;
    try {
      await this.#host.client.json({ method: 'POST', path, query: { condition: 'removed' } });
    } catch (error) {
      if (error instanceof EngineRefusal && error.status === 404) return;
      throw meaningOf(error, `Sandbox ${this.id} could not be removed`, [removeFailed]);
    }
  }

  async #act(operation: 'pause' | 'unpause'): Promise<void> {
    await this.#call(operation, 'POST', `/${operation}`);
  }

  async #call(
    operation: string,
    method: 'GET' | 'POST',
    path: string,
    query: Readonly<Record<string, string | boolean>> = {},
  ): Promise<unknown> {
    try {
      return await this.#host.client.json({
        method,
        path: `/containers/${containerName(this.id)}${path}`,
        query,
      });
    } catch (error) {
      throw meaningOf(error, `Could not ${operation} ${this.id}`);
    }
  }
}

const removeFailed: RefusalMeaning = {
  status: 500,
  reason: 'sandbox.remove-failed',
  hint: 'Look at the log of the engine, and remove it again.',
};

export function notFound(id: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-found',
    message: `No Docker sandbox has the id ${id.slice(0, 64)}.`,
    hint: 'List them with `sovereign ps --all`.',
    context: { id: id.slice(0, 64) },
  });
}
