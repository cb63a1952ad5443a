import { isDeepStrictEqual } from 'node:util';
import { SovereignError } from '@sovereign/protocol';
import { runtimeOf } from '../containers/engine-choice.ts';
import type { Action } from '../contract/action.ts';
import type { LateBinding } from '../contract/late-binding.ts';
import type { SandboxId, SandboxSpec } from '../contract/sandbox-spec.ts';
import { requireCapability } from '../runtime/sandbox-lifecycle.ts';
import type { SandboxHandle } from '../runtime/sandbox-handle.ts';
import { throwIfCancelled, toSovereignError } from '../runtime/to-sovereign-error.ts';
import type { Selection } from '../selection/select-backend.ts';
import type { EntryMaker } from './entry-maker.ts';
import type { PoolHost } from './pool-host.ts';
import { claimedOptions, type ClaimOptions, type PoolOptions } from './pool-options.ts';
import type { PoolStatus } from './pool-status.ts';
import type { WarmEntry } from './warm-entry.ts';
import type { WarmPool } from './warm-pool.ts';

export interface SandboxPoolInit {
  readonly name: string;
  readonly options: PoolOptions;
  readonly host: PoolHost;
  readonly selection: Selection;
  readonly lateBinding: LateBinding;
  readonly warm: WarmPool;
  readonly maker: EntryMaker;
  /** Called when nothing of the pool is left. */
  readonly onDrained: () => void;
}

/** How long an entry may take to answer when it is claimed; one that takes longer is replaced. */
const answerTimeoutMs = 1_000;

/**
 * Sandboxes that are kept ready and become somebody's when they are claimed (R-NEW-4). What was claimed is a sandbox like
 * any other and does not end with the pool. Made by `SovereignRuntime.openPool`.
 */
export class SandboxPool implements AsyncDisposable {
  readonly name: string;
  readonly #init: SandboxPoolInit;
  readonly #claims = new Set<Promise<unknown>>();

  constructor(init: SandboxPoolInit) {
    this.name = init.name;
    this.#init = init;
  }

  /**
   * Hands a ready sandbox out, bound to what is asked for; when none is ready it waits for the next one. An entry that
   * does not answer is removed and another one taken.
   *
   * @throws SovereignError `pool.exhausted`, `pool.not-found` after `drain`, `sandbox.exists`, `workspace.refused`,
   *   `capability.missing` when the backend cannot bind a workspace or limits late, `operation.cancelled`
   */
  claim(options: ClaimOptions = {}): Promise<SandboxHandle> {
    const claim = this.#claim(options).finally(() => this.#claims.delete(claim));
    this.#claims.add(claim);
    return claim;
  }

  /** As it is at this moment. */
  status(): PoolStatus {
    const { warm, maker, selection } = this.#init;
    return { name: this.name, backend: selection.backend.name, refill: maker.refill, ...warm.status() };
  }

  /** Resolves when all that may be kept ready is. @throws SovereignError what keeps it from that */
  whenFull(): Promise<void> {
    return this.#init.warm.whenFull();
  }

  /**
   * Removes everything that nobody claimed, and ends the pool. Safe to call again, also after it failed.
   *
   * @throws SovereignError why something could not be removed
   */
  async drain(): Promise<void> {
    const { host, warm, onDrained } = this.#init;
    const { size, ready, filling } = warm.status();
    const facts = (): { readonly size: number; readonly removed: number } => ({
      size,
      removed: ready + filling,
    });
    const action: Action = { kind: 'pool.drain', pool: this.name };
    await host.ways.actions.perform(
      { action, runtime: runtimeOf(this.#init.selection.backend), facts },
      async () => {
        await warm.drain();
        await Promise.allSettled(this.#claims);
        // A claim that failed meanwhile has left its entry to be removed.
        await warm.drain();
      },
    );
    onDrained();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  async #claim(options: ClaimOptions): Promise<SandboxHandle> {
    const { host, warm, options: pool } = this.#init;
    throwIfCancelled(options.signal);
    const wanted = host.buildSpec(claimedOptions(pool, options));
    this.#requireBindable(wanted, options);
    const release = await host.reserveName(wanted.name);
    try {
      // Every ready entry may be dead; the one that is made after them was verified a moment ago.
      for (let attempts = warm.status().size + 1; ; attempts--) {
        const entry = await warm.take(options);
        const handle = await this.#bind(entry, { ...wanted, id: entry.guest.id }, options.signal);
        if (handle instanceof SovereignError) {
          if (attempts <= 1) throw handle;
        } else return handle;
      }
    } finally {
      release();
    }
  }

  /** The handle, or why the entry is unfit: then it has been removed. @throws SovereignError when the claim itself fails */
  async #bind(
    entry: WarmEntry,
    spec: SandboxSpec,
    signal: AbortSignal | undefined,
  ): Promise<SandboxHandle | SovereignError> {
    const { host, warm, lateBinding, selection } = this.#init;
    if (signal?.aborted === true) warm.giveBack(entry);
    throwIfCancelled(signal);
    const begun = host.ways.actions.begin(claimAction(this.name, entry.guest.id, spec), entry.report);
    try {
      await entry.channel.ping(AbortSignal.timeout(answerTimeoutMs));
    } catch (error) {
      warm.reject(entry);
      return toSovereignError(begun.fail(this.#unhealthy(entry, error)));
    }
    try {
      const guest = await lateBinding.bind(spec);
      begun.succeed();
      const { channel, report } = entry;
      return host.handOut({
        guest,
        backend: selection.backend,
        channel,
        report,
        selection: selection.reasons,
      });
    } catch (error) {
      warm.reject(entry);
      throw begun.fail(error);
    }
  }

  #requireBindable({ workspace, limits }: SandboxSpec, options: ClaimOptions): void {
    const { lateBinding, selection, options: pool, host } = this.#init;
    const { name, capabilities } = selection.backend;
    if (options.limits !== undefined && !isDeepStrictEqual(limits, pool.limits ?? {}))
      requireCapability({ backend: name, capabilities }, 'canSetLimits', 'change limits');
    if (options.workspace === undefined || lateBinding.hasWorkspace) return;
    if (pool.workspace !== undefined) {
      const own = host.buildSpec({ workspace: pool.workspace }).workspace;
      if (isDeepStrictEqual(workspace, own)) return;
    }
    throw new SovereignError({
      reason: 'capability.missing',
      message: `Backend ${name} cannot give a running sandbox a workspace (lateBinding.hasWorkspace).`,
      hint: 'Open the pool with that workspace, or create the sandbox without a pool.',
      context: { backend: name, capability: 'lateBinding.hasWorkspace' },
    });
  }

  #unhealthy({ guest }: WarmEntry, cause: unknown): SovereignError {
    return new SovereignError({
      reason: 'tier.unhealthy',
      message: `Sandbox ${guest.id} of pool ${this.name} did not answer within ${answerTimeoutMs} ms when it was claimed.`,
      hint: 'Claim again; when it stays so, run doctor for this tier.',
      context: { pool: this.name, sandbox: guest.id },
      cause,
    });
  }
}

function claimAction(pool: string, sandbox: SandboxId, spec: SandboxSpec): Action {
  return {
    kind: 'pool.claim',
    pool,
    sandbox,
    name: spec.name ?? null,
    workspace: spec.workspace?.hostPath ?? null,
    ...(spec.user !== undefined && { user: spec.user }),
    limits: spec.limits,
    envNames: Object.keys(spec.env),
  };
}
