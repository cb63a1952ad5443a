/** Runs calls one after another, in the order in which they came. What one throws does not keep the next. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#last.then(call, call);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
