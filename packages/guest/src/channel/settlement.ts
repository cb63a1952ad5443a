type State<T> =
  | { readonly kind: 'open' }
  | { readonly kind: 'resolved'; readonly value: T }
  | { readonly kind: 'rejected'; readonly error: Error };

const open = { kind: 'open' } as const;

/**
 * A result that is known once, whose promise is made when somebody asks for it: a call that nobody waits for costs no
 * promise. A rejection that nobody looks at is no unhandled rejection.
 */
export class Settlement<T> {
  #state: State<T> = open;
  #promise: Promise<T> | undefined;
  #resolve: ((value: T) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  get isSettled(): boolean {
    return this.#state.kind !== 'open';
  }

  get promise(): Promise<T> {
    return (this.#promise ??= this.#makePromise());
  }

  /** Later settlements change nothing. */
  resolve(value: T): void {
    if (this.#state.kind !== 'open') return;
    this.#state = { kind: 'resolved', value };
    this.#resolve?.(value);
  }

  reject(error: Error): void {
    if (this.#state.kind !== 'open') return;
    this.#state = { kind: 'rejected', error };
    this.#reject?.(error);
  }

  #makePromise(): Promise<T> {
    const state = this.#state;
    if (state.kind === 'resolved') return Promise.resolve(state.value);
    const promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    promise.catch(() => undefined);
    if (state.kind === 'rejected') this.#reject?.(state.error);
    return promise;
  }
}
