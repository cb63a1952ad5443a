import type { ExecRequest } from '../contract/exec.ts';
import type { ImageConfig, ImageRecord } from '../contract/images.ts';
import { checkWhole } from '../runtime/argument-checks.ts';
import type { CreateOptions } from '../runtime/create-options.ts';
import type { ExecResult } from '../runtime/exec-result.ts';
import type { RunOptions } from '../runtime/run-command.ts';
import type { ContainerHost } from './container-host.ts';
import { summaryOf, type ContainerSummary } from './container-summary.ts';
import { engineOf, requireAbility } from './engine-choice.ts';
import { checkReference, imageFacts } from './images.ts';

export interface CommitOptions {
  /** Name of the new image. */
  readonly reference: string;
  /** Over the configuration of the image that the container was made of. */
  readonly config?: Partial<ImageConfig>;
  readonly signal?: AbortSignal;
}

/** What of a fork may differ from the container it is made of. */
export type ForkOptions = Pick<
  CreateOptions,
  'name' | 'env' | 'limits' | 'labels' | 'strategy' | 'scope' | 'lifetime'
>;

const defaultGraceMs = 10_000;

/** From creation to removal (R-PRIM-1). Nothing here makes, keeps or ends a container that was not named. */
export class Lifecycle {
  readonly #host: ContainerHost;

  constructor(host: ContainerHost) {
    this.#host = host;
  }

  /** Makes a container. Unlike `Sandbox.create`, it is not started unless `autoStart` says so. */
  async create(options: CreateOptions = {}): Promise<ContainerSummary> {
    const handle = await this.#host.create({ ...options, autoStart: options.autoStart ?? false });
    return this.#summary(handle.id);
  }

  async start(container: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await (await this.#host.attach(container)).start(options.signal);
  }

  /** Asks everything inside to end, kills what is left after `graceMs` (default 10,000). Its files stay. */
  async stop(container: string, options: { readonly graceMs?: number } = {}): Promise<void> {
    await (await this.#host.attach(container)).stop(options);
  }

  /** Stops a container when it runs, and starts it: one action, whose outcome tells how it ended. */
  async restart(container: string, options: { readonly graceMs?: number } = {}): Promise<void> {
    const { graceMs = defaultGraceMs } = options;
    checkWhole('graceMs', graceMs, { min: 0, max: 3_600_000 });
    const handle = await this.#host.attach(container);
    const action = { kind: 'sandbox.restart', sandbox: handle.id } as const;
    await this.#host.actions.perform({ action, runtime: handle.report }, async () => {
      const state = await handle.status();
      if (state === 'running' || state === 'paused') await handle.stop({ graceMs });
      await handle.start();
    });
  }

  async pause(container: string): Promise<void> {
    await (await this.#host.attach(container)).pause();
  }

  async unpause(container: string): Promise<void> {
    await (await this.#host.attach(container)).resume();
  }

  /** Kills everything in it and leaves nothing of it. Its volumes stay. */
  remove(container: string): Promise<void> {
    return this.#host.remove(container);
  }

  async exec(container: string, request: ExecRequest, options: RunOptions = {}): Promise<ExecResult> {
    return (await this.#host.attach(container)).exec(request, options);
  }

  /** Makes an image of a container as it is now. A running one is paused for that moment. */
  async commit(container: string, options: CommitOptions): Promise<ImageRecord> {
    checkReference('reference', options.reference);
    const { guest, backend } = await this.#host.find(container);
    const chosen = engineOf(backend);
    requireAbility(chosen, 'commit');
    const action = { kind: 'sandbox.commit', sandbox: guest.id, reference: options.reference } as const;
    return this.#host.actions.perform({ action, runtime: chosen.runtime, facts: imageFacts }, () =>
      chosen.engine.commit(guest.id, options),
    );
  }

  /**
   * Makes a container with the same root as a stopped or paused one, by its upper layer; it is not started. Limits,
   * environment, labels and lifetime are those of the original unless given; its name and workspace are not taken over.
   *
   * @throws SovereignError `sandbox.not-running` when it still runs
   */
  async fork(container: string, options: ForkOptions = {}): Promise<ContainerSummary> {
    const { guest, backend } = await this.#host.find(container);
    const chosen = engineOf(backend);
    requireAbility(chosen, 'fork');
    const { image, user, env, limits, labels, lifetime, network } = guest.spec;
    const asked: CreateOptions = {
      image,
      env,
      limits,
      labels,
      network,
      ...(user !== undefined && { user }),
      ...(lifetime && { lifetime }),
      ...options,
    };
    return this.#host.withSpec(asked, async (spec) => {
      const action = { kind: 'sandbox.fork', sandbox: guest.id, into: spec.id } as const;
      await this.#host.actions.perform({ action, runtime: chosen.runtime }, () =>
        chosen.engine.fork(guest.id, spec),
      );
      return this.#summary(spec.id);
    });
  }

  async #summary(id: string): Promise<ContainerSummary> {
    const { guest, backend } = await this.#host.find(id);
    return summaryOf({ spec: guest.spec, state: await guest.status() }, backend);
  }
}
