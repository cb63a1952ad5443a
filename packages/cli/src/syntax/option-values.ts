import type { OptionSpec } from './command-spec.ts';

/** The options of one call. Asking for an option that the command does not have is a defect, and throws. */
export class OptionValues {
  readonly #known: ReadonlySet<string>;
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(options: readonly OptionSpec[], values: ReadonlyMap<string, readonly string[]>) {
    this.#known = new Set(options.map(({ name }) => name));
    this.#values = values;
  }

  /** Whether it was given. */
  has(name: string): boolean {
    return this.#of(name) !== undefined;
  }

  /** Its value; the last one when it was given more than once. */
  text(name: string): string | undefined {
    return this.#of(name)?.at(-1);
  }

  /** All its values, in order. */
  texts(name: string): readonly string[] {
    return this.#of(name) ?? [];
  }

  /** Its value as `parse` reads it; undefined when it was not given. */
  read<T>(name: string, parse: (text: string, option: string) => T): T | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : parse(text, `--${name}`);
  }

  #of(name: string): readonly string[] | undefined {
    if (!this.#known.has(name)) throw new TypeError(`the command has no option --${name}`);
    return this.#values.get(name);
  }
}
