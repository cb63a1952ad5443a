import { existsSync } from 'node:fs';
import { SovereignError } from '@sovereign/protocol';
import type { Leftover, SandboxId, Sweeper } from '@sovereign/core';
import type { SandboxNames } from './sandbox-name.ts';
import type { SandboxProgram } from './sandbox-program.ts';

export interface SweeperInit {
  /** Undefined when nothing was ever made here: then no program is asked. */
  readonly names: () => SandboxNames | undefined;
  readonly program: () => SandboxProgram;
  readonly directoryOf: (id: SandboxId) => string;
}

/**
 * Machines that the program holds under our names and that nothing here knows: those whose create went on in the daemon
 * when the call of it was killed. A sandbox has its files before its machine is made and until it is gone.
 */
export class SandboxSweeper implements Sweeper {
  readonly #init: SweeperInit;

  constructor(init: SweeperInit) {
    this.#init = init;
  }

  async leftovers(): Promise<readonly Leftover[]> {
    const names = this.#init.names();
    if (names === undefined) return [];
    const listed = await this.#init.program().list();
    return [...listed.keys()].flatMap((name) => {
      const id = names.idOf(name);
      if (id === undefined || existsSync(this.#init.directoryOf(id))) return [];
      return [{ kind: 'machine', id: name, why: 'no sandbox of this state directory is it', bytes: 0 }];
    });
  }

  async sweep(leftover: Leftover): Promise<void> {
    const found = (await this.leftovers()).some(({ id }) => id === leftover.id);
    if (found) return this.#init.program().remove(leftover.id);
    throw new SovereignError({
      reason: 'argument.invalid',
      message: `Nothing of this name is left over: ${leftover.id.slice(0, 128)}.`,
      hint: 'See what there is: sovereign gc',
    });
  }
}
