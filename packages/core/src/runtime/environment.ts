import { checkEnvName, checkObject, invalid } from './argument-checks.ts';

/** What is added to an environment; `undefined` removes a name. */
export type EnvChange = Readonly<Record<string, string | undefined>>;

/**
 * An environment, kept as a map to add to and as the frozen list that is sent: commands that add nothing share one list,
 * which the channel encodes once.
 */
export class Environment {
  readonly list: readonly string[];
  readonly #values: ReadonlyMap<string, string>;

  private constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
    this.list = Object.freeze(Array.from(values, ([name, value]) => `${name}=${value}`));
  }

  /** Later layers win. */
  static of(...layers: readonly EnvChange[]): Environment {
    return new Environment(merge(new Map(), layers));
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  with(change: EnvChange): Environment {
    return new Environment(merge(new Map(this.#values), [change]));
  }
}

function merge(values: Map<string, string>, layers: readonly EnvChange[]): Map<string, string> {
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer)) {
      if (value === undefined) values.delete(name);
      else values.set(name, value);
    }
  }
  return values;
}

/** @throws SovereignError `argument.invalid`; a value is never part of the message. */
export function checkEnv(env: EnvChange): void {
  checkObject('env', env);
  for (const [name, value] of Object.entries(env)) {
    checkEnvName(name);
    if (value !== undefined && typeof value !== 'string')
      throw invalid(`env.${name.slice(0, 80)}`, undefined, 'a string');
    if (value?.includes('\0') === true)
      throw invalid(`env.${name.slice(0, 80)}`, undefined, 'a string without NUL');
  }
}
