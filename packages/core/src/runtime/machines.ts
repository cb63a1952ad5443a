import { SovereignError } from '@sovereign/protocol';
import { runtimeOf } from '../containers/engine-choice.ts';
import type { Backend, Guest } from '../contract/backend.ts';
import type { BootArtifact } from '../contract/boot-artifacts.ts';
import type { SandboxSpec } from '../contract/sandbox-spec.ts';
import type { SnapshotId, SnapshotRecord, Snapshots } from '../contract/snapshots.ts';
import { createSnapshotId, isSnapshotId } from '../identity/snapshot-id.ts';
import type { ActionPath } from './action-path.ts';
import { checkString, checkWhole } from './argument-checks.ts';
import { connectVerified, type OpenChannel, type VerifiedChannel } from './connect-verified.ts';
import type { CreateOptions } from './create-options.ts';
import type { SandboxHandle } from './sandbox-handle.ts';
import { throwIfCancelled, toSovereignError } from './to-sovereign-error.ts';

const maxForks = 64;
const maxNameChars = 64;

/** What a resumed sandbox is to be; its image, memory and processors are those of the snapshot. */
export type ResumeOptions = Omit<CreateOptions, 'tier' | 'image' | 'autoStart' | 'isInsecure' | 'network'>;

export interface BuildOptions {
  /** Default: the host's `/usr`. */
  readonly image?: SandboxSpec['image'];
  readonly onProgress?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** What snapshots need of the runtime that they are in. */
export interface MachineHost {
  readonly backends: readonly Backend[];
  readonly actions: ActionPath;
  readonly openChannel: OpenChannel;
  readonly healthTimeoutMs: number;
  find(idOrName: string): Promise<{ readonly guest: Guest; readonly backend: Backend }>;
  /** Checks what was asked for and keeps its name free while it is made. */
  withSpec<T>(options: CreateOptions, run: (spec: SandboxSpec) => Promise<T>): Promise<T>;
  handOut(guest: Guest, backend: Backend, connected: VerifiedChannel): SandboxHandle;
}

/** Snapshots of running sandboxes, what is resumed from them, and what microVMs boot from: each an action that is recorded. */
export class Machines {
  readonly #host: MachineHost;

  constructor(host: MachineHost) {
    this.#host = host;
  }

  /**
   * Takes a snapshot of a running sandbox, which runs on.
   *
   * @throws SovereignError `capability.missing`, `sandbox.not-running`, `snapshot.failed`
   */
  async take(idOrName: string, options: { readonly name?: string } = {}): Promise<SnapshotRecord> {
    const { name } = options;
    if (name !== undefined) checkName(name);
    const { guest, backend } = await this.#host.find(idOrName);
    const snapshots = snapshotsOf(backend);
    const snapshot = createSnapshotId();
    return this.#host.actions.perform(
      {
        action: { kind: 'snapshot.take', sandbox: guest.id, snapshot },
        runtime: runtimeOf(backend),
        facts: ({ bytes, pausedMs }) => ({ bytes, pausedMs: Math.round(pausedMs) }),
      },
      () => snapshots.take(guest.id, { id: snapshot, ...(name !== undefined && { name }) }),
    );
  }

  /**
   * Brings up a new sandbox from a snapshot, by its id or the name that it was given.
   *
   * @throws SovereignError `snapshot.not-found`, `snapshot.incompatible`, `snapshot.corrupt`
   */
  async resume(idOrName: string, options: ResumeOptions = {}): Promise<SandboxHandle> {
    const { id, backend } = await this.#find(idOrName);
    return this.#resume(id, backend, options);
  }

  /**
   * So many copies of a running sandbox, with its memory and processes; they share what they do not change. When one of
   * them cannot be made, none is left.
   *
   * @throws SovereignError `capability.missing`, `sandbox.not-running`, `snapshot.failed`
   */
  async fork(
    idOrName: string,
    count = 1,
    options: Omit<ResumeOptions, 'name'> = {},
  ): Promise<readonly SandboxHandle[]> {
    checkWhole('count', count, { min: 1, max: maxForks });
    const { guest, backend } = await this.#host.find(idOrName);
    if (backend.snapshots === undefined && copiesFiles(backend)) throw forksStoodStill(guest, backend);
    const { id } = await this.take(idOrName);
    try {
      const made = await Promise.allSettled(
        Array.from({ length: count }, () => this.#resume(id, backend, options)),
      );
      const failed = made.find((one) => one.status === 'rejected');
      const handles = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      if (failed === undefined) return handles;
      await Promise.allSettled(handles.map((handle) => handle.remove()));
      throw toSovereignError(failed.reason);
    } finally {
      await this.remove(id);
    }
  }

  /** Snapshots of all backends, oldest first. */
  async list(): Promise<readonly SnapshotRecord[]> {
    const lists = await Promise.all(
      this.#host.backends.map(async ({ snapshots }) => (await snapshots?.list()) ?? []),
    );
    return lists.flat().toSorted((a, b) => a.createdMs - b.createdMs);
  }

  /** Removes a snapshot by id or name. @throws SovereignError `snapshot.not-found`, `snapshot.in-use` */
  async remove(idOrName: string): Promise<void> {
    const { id, backend } = await this.#find(idOrName);
    await this.#host.actions.perform(
      { action: { kind: 'snapshot.remove', snapshot: id }, runtime: runtimeOf(backend) },
      () => snapshotsOf(backend).remove(id),
    );
  }

  /** Builds what microVMs boot from: the kernel, and the root of an image. @throws SovereignError `capability.missing`, `microvm.build-failed` */
  async build(options: BuildOptions = {}): Promise<readonly BootArtifact[]> {
    const { image = { kind: 'host' }, onProgress, signal } = options;
    const backend = this.#host.backends.find(({ bootArtifacts }) => bootArtifacts !== undefined);
    const artifacts = backend?.bootArtifacts;
    if (backend === undefined || artifacts === undefined) throw nothingToBuild();
    return this.#host.actions.perform(
      { action: { kind: 'microvm.build', image: JSON.stringify(image) }, runtime: runtimeOf(backend) },
      () => artifacts.build({ image, ...(onProgress && { onProgress }), ...(signal && { signal }) }),
    );
  }

  async #resume(id: SnapshotId, backend: Backend, options: ResumeOptions): Promise<SandboxHandle> {
    const { actions, openChannel, healthTimeoutMs } = this.#host;
    throwIfCancelled(options.signal);
    return this.#host.withSpec(options, async (spec) => {
      const action = { kind: 'snapshot.resume', snapshot: id, sandbox: spec.id } as const;
      return actions.perform({ action, runtime: runtimeOf(backend) }, async () => {
        const guest = await snapshotsOf(backend).resume(id, spec, options.signal);
        try {
          const connected = await connectVerified({
            guest,
            backend,
            openChannel,
            timeoutMs: healthTimeoutMs,
            ...(options.signal && { signal: options.signal }),
          });
          return this.#host.handOut(guest, backend, connected);
        } catch (error) {
          await guest.remove();
          throw error;
        }
      });
    });
  }

  async #find(idOrName: string): Promise<{ readonly id: SnapshotId; readonly backend: Backend }> {
    checkString('snapshot', idOrName);
    for (const backend of this.#host.backends) {
      const records = (await backend.snapshots?.list()) ?? [];
      const found = records.find(({ id, name }) => id === idOrName || (name !== '' && name === idOrName));
      if (found !== undefined) return { id: found.id, backend };
    }
    // One whose index cannot be read is in no list; asking for it by its id says what is wrong with it.
    const only = this.#host.backends.filter(({ snapshots }) => snapshots !== undefined);
    if (isSnapshotId(idOrName) && only[0] !== undefined) return { id: idOrName, backend: only[0] };
    throw new SovereignError({
      reason: 'snapshot.not-found',
      message: `There is no snapshot ${JSON.stringify(idOrName.slice(0, maxNameChars))}.`,
      hint: 'List them: sovereign snapshot ls',
    });
  }
}

function checkName(name: string): void {
  checkString('name', name);
  if (/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name) && !name.startsWith('snp_')) return;
  throw new SovereignError({
    reason: 'argument.invalid',
    message: `Name of a snapshot: ${JSON.stringify(name.slice(0, maxNameChars))} (expected a–z or 0–9, then up to 62 of a–z, 0–9, dot, dash and underscore; snp_ is for ids).`,
    hint: 'Choose another name.',
  });
}

const machineHint = 'Create the sandbox on the microVM tier: --tier microvm.';

function snapshotsOf(backend: Backend): Snapshots {
  if (backend.snapshots !== undefined) return backend.snapshots;
  throw new SovereignError({
    reason: 'capability.missing',
    message: `Backend ${backend.name} takes no snapshots.`,
    hint: copiesFiles(backend)
      ? `${machineHint} To copy its files, stop it first: sovereign stop, then sovereign fork.`
      : machineHint,
    context: { backend: backend.name, capability: 'snapshots' },
  });
}

/** Whether it forks a container that stands still, by its upper layer. */
function copiesFiles({ engine }: Backend): boolean {
  return engine !== undefined && engine.lacks?.includes('fork') !== true;
}

function forksStoodStill({ id }: Guest, { name }: Backend): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: `Sandbox ${id} runs, and backend ${name} copies the files of one that stands still.`,
    hint: `Stop it, or pause it, and fork it then: sovereign stop ${id}. With its memory only a microVM is copied: --tier microvm`,
    context: { backend: name, capability: 'snapshots' },
  });
}

function nothingToBuild(): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: 'This build has no microVM backend.',
    hint: 'Use the container tier.',
  });
}
