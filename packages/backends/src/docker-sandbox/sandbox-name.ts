import { isSandboxId, type SandboxId } from '@sovereign/core';

const idPrefix = 'sbx_';

/** Names of one state directory's sandboxes with the program, which all of a user share. Letters, numbers and hyphens only. */
export class SandboxNames {
  readonly #prefix: string;

  /** @param home mark of the state directory */
  constructor(home: string) {
    this.#prefix = `sovereign-${home}-`;
  }

  of(id: SandboxId): string {
    return `${this.#prefix}${id.slice(idPrefix.length)}`;
  }

  /** The sandbox of such a name; undefined for what is not ours. */
  idOf(name: string): SandboxId | undefined {
    const id = `${idPrefix}${name.slice(this.#prefix.length)}`;
    return name.startsWith(this.#prefix) && isSandboxId(id) ? id : undefined;
  }
}
