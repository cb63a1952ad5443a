import type { GuestRecord } from '../contract/backend.ts';
import type { SandboxId } from '../contract/sandbox-spec.ts';
import type { ContainerHost } from '../containers/container-host.ts';
import { checkWhole } from '../runtime/argument-checks.ts';
import { checkResourceName } from '../runtime/create-options.ts';
import { toSovereignError } from '../runtime/to-sovereign-error.ts';

/** A task or a session, and the sandboxes that belong to it. */
export interface Scope {
  readonly strategy: 'task' | 'session';
  readonly scope: string;
  readonly sandboxes: readonly SandboxId[];
}

/** What could not be done to one sandbox. */
export interface ScopeFailure {
  readonly sandbox: SandboxId;
  readonly reason: string;
  readonly message: string;
  readonly hint: string;
}

export interface CompletedScope {
  readonly strategy: Scope['strategy'];
  readonly scope: string;
  readonly removed: readonly SandboxId[];
  /** Those that stay listed; completing the scope again tries them again. */
  readonly failed: readonly ScopeFailure[];
}

export interface CompleteOptions {
  /** How long what runs in them may take to end. Default 10,000. */
  readonly graceMs?: number;
}

const defaultGraceMs = 10_000;

/**
 * The registry of tasks and sessions (R-PRIM-6). It is what the specifications of sandboxes say, so it outlives every
 * process: whoever completes a scope ends what belongs to it, whoever made that.
 */
export class Scopes {
  readonly #host: ContainerHost;

  constructor(host: ContainerHost) {
    this.#host = host;
  }

  /** Every task and session that has a sandbox. */
  async list(): Promise<readonly Scope[]> {
    const { sandboxes } = await this.#host.list();
    const scopes = new Map<
      string,
      { -readonly [Key in keyof Scope]: Scope[Key] } & { sandboxes: SandboxId[] }
    >();
    for (const { id, spec } of sandboxes) {
      const { strategy, scope } = spec;
      if ((strategy !== 'task' && strategy !== 'session') || scope === undefined) continue;
      const key = `${strategy} ${scope}`;
      const known = scopes.get(key);
      if (known === undefined) scopes.set(key, { strategy, scope, sandboxes: [id] });
      else known.sandboxes.push(id);
    }
    return [...scopes.values()];
  }

  /** Ends and removes exactly the sandboxes of a task. */
  completeTask(scope: string, options: CompleteOptions = {}): Promise<CompletedScope> {
    return this.#complete('task', scope, options);
  }

  /** Ends and removes exactly the sandboxes of a session. */
  completeSession(scope: string, options: CompleteOptions = {}): Promise<CompletedScope> {
    return this.#complete('session', scope, options);
  }

  async #complete(
    strategy: Scope['strategy'],
    scope: string,
    { graceMs = defaultGraceMs }: CompleteOptions,
  ): Promise<CompletedScope> {
    checkResourceName('scope', scope);
    checkWhole('graceMs', graceMs, { min: 0, max: 3_600_000 });
    const action = { kind: 'scope.complete', strategy, scope } as const;
    const runtime = { type: 'process', tier: 'process', isIsolated: false } as const;
    const facts = ({ removed, failed }: CompletedScope) => ({
      removed: removed.length,
      failed: failed.length,
    });
    return this.#host.actions.perform({ action, runtime, facts }, async () => {
      const { sandboxes } = await this.#host.list();
      const members = sandboxes.filter(({ spec }) => spec.strategy === strategy && spec.scope === scope);
      const removed: SandboxId[] = [];
      const failed: ScopeFailure[] = [];
      await Promise.all(
        members.map(async (member) => {
          try {
            await this.#end(member, graceMs);
            removed.push(member.id);
          } catch (error) {
            const { reason, message, hint } = toSovereignError(error);
            if (reason === 'sandbox.not-found') removed.push(member.id);
            else failed.push({ sandbox: member.id, reason, message, hint });
          }
        }),
      );
      return { strategy, scope, removed, failed };
    });
  }

  /** What listens for SIGTERM may end by itself; then nothing of it is left. */
  async #end({ id, state, backend }: GuestRecord, graceMs: number): Promise<void> {
    const canStop = this.#host.engines.backend(backend)?.capabilities.canStop === true;
    if (state === 'running' && graceMs > 0 && canStop) {
      try {
        await (await this.#host.attach(id)).stop({ graceMs });
      } catch (error) {
        // One that does not answer, or has just ended, is removed all the same.
        if (toSovereignError(error).reason === 'ledger.unwritable') throw error;
      }
    }
    await this.#host.remove(id);
  }
}
