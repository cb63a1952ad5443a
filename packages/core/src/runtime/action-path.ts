import type { Action, Actor, Outcome } from '../contract/action.ts';
import type { Ledger, LedgerRuntime } from '../ledger/ledger.ts';
import { toSovereignError } from './to-sovereign-error.ts';

export type OutcomeFacts = Extract<Outcome, { readonly ok: true }>['facts'];

/** An action whose intent is recorded. One of its methods is called before anybody hears of the result; later calls record nothing. */
export interface BegunAction {
  /** @throws SovereignError `ledger.unwritable` */
  succeed(facts?: OutcomeFacts): void;
  /** Records the failure and returns what the caller is to throw. */
  fail(error: unknown): Error;
}

export interface PerformOptions<T> {
  readonly action: Action;
  readonly runtime: LedgerRuntime;
  /** What of the result enters the ledger. Default: nothing but that it succeeded. */
  readonly facts?: (result: T) => OutcomeFacts;
}

/** Hears of every action that is begun, and that it has ended. On the path of all of them: it must be quick, and not throw. */
export interface ActionObserver {
  begun(action: Action): void;
  ended(action: Action): void;
}

const noFacts: OutcomeFacts = {};
const maxMessageChars = 1_000;

/**
 * The one way to make anything happen: judge → intent → act → outcome → result. Nothing else in core's runtime calls a
 * guest or its channel.
 */
export class ActionPath {
  readonly #ledger: Ledger;
  readonly #actor: Actor;
  readonly #observer: ActionObserver | undefined;
  #inFlight = 0;
  #idle: (() => void) | undefined;

  constructor(ledger: Ledger, actor: Actor, observer?: ActionObserver) {
    this.#ledger = ledger;
    this.#actor = actor;
    this.#observer = observer;
  }

  /**
   * Admits an action and records the intent, synchronously: an exec costs no promise for it.
   *
   * The policy's judge belongs here, before the intent: this is the only place that every action passes with all that
   * a rule can look at (the action, the actor, the tier). A verdict that allows or denies can stay synchronous; one
   * that asks a person is waited for by the callers that can wait.
   * @throws SovereignError `ledger.unwritable`: nothing was done.
   */
  begin(action: Action, runtime: LedgerRuntime): BegunAction {
    const id = this.#ledger.intent(action, this.#actor, runtime);
    this.#inFlight++;
    this.#observer?.begun(action);
    return new Begun({ ledger: this.#ledger, id, runtime, action, ended: this.#ended });
  }

  /** Does an action that ends when its promise does. */
  async perform<T>(options: PerformOptions<T>, run: () => Promise<T>): Promise<T> {
    const begun = this.begin(options.action, options.runtime);
    let result: T;
    try {
      result = await run();
    } catch (error) {
      throw begun.fail(error);
    }
    begun.succeed(options.facts?.(result));
    return result;
  }

  /** Resolves when no action is between its intent and its outcome, or after `timeoutMs`. */
  async whenIdle(timeoutMs: number): Promise<void> {
    if (this.#inFlight === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }

  readonly #ended = (action: Action): void => {
    this.#inFlight--;
    this.#observer?.ended(action);
    if (this.#inFlight === 0) this.#idle?.();
  };
}

interface BegunInit {
  readonly ledger: Ledger;
  readonly id: string;
  readonly runtime: LedgerRuntime;
  readonly action: Action;
  readonly ended: (action: Action) => void;
}

class Begun implements BegunAction {
  readonly #init: BegunInit;
  #isSettled = false;

  constructor(init: BegunInit) {
    this.#init = init;
  }

  succeed(facts: OutcomeFacts = noFacts): void {
    this.#settle({ ok: true, facts });
  }

  fail(error: unknown): Error {
    const failure = toSovereignError(error);
    try {
      this.#settle({ ok: false, reason: failure.reason, message: failure.message.slice(0, maxMessageChars) });
    } catch (unwritable) {
      // The ledger's trouble is the graver news; the failure of the action itself is its cause.
      return Object.assign(toSovereignError(unwritable), { cause: failure });
    }
    return failure;
  }

  #settle(outcome: Outcome): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const { ledger, id, runtime, action, ended } = this.#init;
    try {
      ledger.outcome(id, runtime, outcome);
    } finally {
      ended(action);
    }
  }
}
