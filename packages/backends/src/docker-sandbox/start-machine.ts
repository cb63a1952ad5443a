import type { CreateRequest } from './command-line.ts';
import { GuestDoor } from './guest-door.ts';
import { askMachine, shelldFor } from './guest-machine.ts';
import { closeNetwork, verifyNetwork } from './network-policy.ts';
import type { SandboxProgram } from './sandbox-program.ts';
import type { SandboxRecord } from './sandbox-record.ts';

export interface MachineStart {
  readonly program: SandboxProgram;
  readonly record: SandboxRecord;
  readonly request: CreateRequest;
  readonly shelldPath: string;
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes the machine of a sandbox where there is none, and brings shelld up in it. When it fails, a machine that was made for
 * it is gone again, and one that was there is stopped.
 *
 * SAFETY: the network is closed and found closed before anything of the caller's runs, at the first start as at each later
 * one, since whoever may use the program may have opened it. Held by tests/docker-sandbox (`network`).
 */
export async function startMachine(start: MachineStart): Promise<void> {
  const { program, record, request, signal } = start;
  const { name } = request;
  const isFirst = !record.isStarted;
  try {
    if (isFirst) {
      record.beginMake();
      await program.create(request, signal);
      await closeNetwork(program, name);
    }
    const network = await verifyNetwork(program, name);
    const machine = await askMachine(program, name, signal);
    const shelldPath = shelldFor(start.shelldPath, machine.architecture);
    await new GuestDoor(program, name).open(shelldPath, signal);
    record.started([machine.layer, network]);
  } catch (error) {
    // What cannot be undone now is said by whoever removes the sandbox; until then it is broken.
    if (isFirst)
      await program.remove(name).then(
        () => record.undoMake(),
        () => undefined,
      );
    else await program.stop(name).catch(() => undefined);
    throw error;
  }
}
