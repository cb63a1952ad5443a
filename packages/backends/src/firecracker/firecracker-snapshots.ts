import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  linkSync,
  realpathSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  isSnapshotId,
  type Guest,
  type SandboxId,
  type SandboxSpec,
  type SnapshotId,
  type SnapshotRecord,
  type Snapshots,
} from '@sovereign/core';
import { connectVsock, type LaunchHelper } from '@sovereign/guest';
import { SovereignError } from '@sovereign/protocol';
import type { ApiCall } from './api-types.ts';
import type { FirecrackerGuest } from './firecracker-guest.ts';
import type { FirecrackerHost } from './firecracker-host.ts';
import { machineFiles } from './machine-root.ts';
import { channelPort, checkSupported } from './machine-shape.ts';
import { copySparse, type PlacedFile } from './prepare-root.ts';
import type { StartPlan } from './start-machine.ts';
import {
  formatSnapshotFile,
  parseSnapshotFile,
  snapshotCorrupt,
  type SnapshotFile,
} from './snapshot-file.ts';

export interface SnapshotsInit {
  readonly directory: string;
  readonly helper: LaunchHelper;
  /** What has to be the same where a snapshot is resumed. */
  readonly identity: () => Promise<string>;
  readonly attach: (id: SandboxId) => Promise<FirecrackerGuest>;
  readonly host: FirecrackerHost;
  readonly bringUp: (spec: SandboxSpec, plan: StartPlan, signal: AbortSignal | undefined) => Promise<Guest>;
}

const answerTimeoutMs = 10_000;
const parts = ['state', 'memory', 'disk'] as const;

/**
 * Snapshots as directories: state and memory as Firecracker wrote them, and the disk of the same moment. Taking one resets
 * the guest's vsock: connections to it break, and are opened again by who needs them.
 */
export class FirecrackerSnapshots implements Snapshots {
  readonly #init: SnapshotsInit;

  constructor(init: SnapshotsInit) {
    this.#init = init;
  }

  async take(
    sandbox: SandboxId,
    options: { readonly id: SnapshotId; readonly name?: string },
  ): Promise<SnapshotRecord> {
    const { host, identity } = this.#init;
    const guest = await this.#init.attach(sandbox);
    const state = await guest.status();
    const machine = guest.machine();
    if (state !== 'running' || typeof machine !== 'object') throw notRunning(sandbox, state);
    const partial = `${this.#path(options.id)}.partial`;
    mkdirSync(partial, { recursive: true, mode: 0o700 });
    try {
      await this.#sync(sandbox);
      const pausedMs = await this.#capture(sandbox, partial);
      const statePath = join(partial, 'state');
      const size = (name: string): { readonly bytes: number } => ({
        bytes: statSync(join(partial, name)).size,
      });

      const record: SnapshotRecord = {
        id: options.id,
        backend: 'firecracker',
        spec: guest.spec,
        name: options.name ?? '',
        createdMs: Date.now(),
        bytes: parts.reduce((sum, name) => sum + statSync(join(partial, name)).blocks * 512, 0),
        pausedMs,
      };
      await this.#keepBase(join(host.socketDirectory(sandbox), machineFiles.base), join(partial, 'base'));
      const files = { state: size('state'), memory: size('memory'), disk: size('disk'), base: size('base') };
      const file: SnapshotFile = {
        record,
        identity: await identity(),
        boot: machine.boot,
        files,
        stateDigest: digestOf(statePath),
      };
      writeFileSync(join(partial, 'snapshot.json'), formatSnapshotFile(file), { mode: 0o600 });
      renameSync(partial, this.#path(options.id));
      return record;
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      throw takeFailed(sandbox, error);
    }
  }

  async resume(snapshot: SnapshotId, spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    const { record, identity, boot } = this.#read(snapshot);
    const here = await this.#init.identity();
    if (identity !== here) throw incompatible(snapshot, identity, here);
    const path = (name: string): string => join(this.#path(snapshot), name);
    const { image, limits } = record.spec;
    const resumed: SandboxSpec = { ...spec, image, limits };
    checkSupported(resumed);
    const files: readonly PlacedFile[] = [
      { name: machineFiles.base, source: path('base'), isWritable: false },
      { name: machineFiles.snapshotState, source: path('state'), isWritable: false },
      { name: machineFiles.snapshotMemory, source: path('memory'), isWritable: false },
      { name: machineFiles.disk, source: path('disk'), isWritable: true },
    ];
    const load: ApiCall = {
      method: 'PUT',
      path: '/snapshot/load',
      body: {
        snapshot_path: machineFiles.snapshotState,
        mem_backend: { backend_type: 'File', backend_path: machineFiles.snapshotMemory },
        resume_vm: true,
      },
    };
    return this.#init.bringUp(resumed, { files, calls: [load], boot }, signal);
  }

  list(): Promise<readonly SnapshotRecord[]> {
    const records: SnapshotRecord[] = [];
    for (const id of this.#ids()) {
      try {
        records.push(this.#read(id).record);
      } catch {
        // One that is damaged is not listed: it is whole or it is not there.
      }
    }
    return Promise.resolve(records);
  }

  /** Machines that were resumed from it hold its memory for themselves, so that it can go at any time. */
  async remove(snapshot: SnapshotId): Promise<void> {
    const path = this.#path(snapshot);
    if (!isSnapshotId(snapshot) || !existsSync(path)) throw notFound(snapshot);
    const doomed = `${path}.removed`;
    renameSync(path, doomed);
    await rm(doomed, { recursive: true, force: true });
  }

  /** Pauses the machine, has its memory written, copies its disk, and lets it go on. Returns how long it stood still. */
  async #capture(sandbox: SandboxId, target: string): Promise<number> {
    const { host, helper } = this.#init;
    const api = host.api(sandbox);
    const written = (name: string): string => join(host.socketDirectory(sandbox), name);
    const startedMs = performance.now();
    await api.call({ method: 'PATCH', path: '/vm', body: { state: 'Paused' } });
    try {
      await api.call({
        method: 'PUT',
        path: '/snapshot/create',
        body: {
          snapshot_type: 'Full',
          snapshot_path: machineFiles.snapshotState,
          mem_file_path: machineFiles.snapshotMemory,
        },
      });
      await copySparse(helper, written(machineFiles.disk), join(target, 'disk'));
    } finally {
      await api.call({ method: 'PATCH', path: '/vm', body: { state: 'Resumed' } });
    }
    const pausedMs = performance.now() - startedMs;
    try {
      for (const [from, to] of [
        [machineFiles.snapshotState, 'state'],
        [machineFiles.snapshotMemory, 'memory'],
      ] as const)
        await copySparse(helper, written(from), join(target, to));
    } finally {
      for (const name of [machineFiles.snapshotState, machineFiles.snapshotMemory])
        rmSync(written(name), { force: true });
    }
    return pausedMs;
  }

  /** The image's file, which never changes: by a link, so that it stays when the image goes. */
  async #keepBase(source: string, target: string): Promise<void> {
    try {
      linkSync(realpathSync(source), target);
    } catch {
      await copySparse(this.#init.helper, source, target);
    }
  }

  async #sync(sandbox: SandboxId): Promise<void> {
    const { host } = this.#init;
    const path = join(host.socketDirectory(sandbox), machineFiles.vsockSocket);
    const stream = await connectVsock({ path, port: channelPort, timeoutMs: answerTimeoutMs });
    const conversation = await host.converse(stream, answerTimeoutMs);
    try {
      await conversation.sync();
    } finally {
      await conversation.close();
    }
  }

  /** @throws SovereignError `snapshot.not-found`, `snapshot.corrupt` for a file that is missing, cut short or changed */
  #read(id: SnapshotId): SnapshotFile {
    const path = this.#path(id);
    if (!isSnapshotId(id) || !existsSync(path)) throw notFound(id);
    const recordPath = join(path, 'snapshot.json');
    if (!existsSync(recordPath)) throw snapshotCorrupt(id, 'its record is not there');
    const file = parseSnapshotFile(recordPath, readFileSync(recordPath, 'utf8'), id);
    for (const [name, { bytes }] of Object.entries(file.files)) {
      const found = statSync(join(path, name), { throwIfNoEntry: false })?.size;
      if (found !== bytes)
        throw snapshotCorrupt(id, `its ${name} has ${found ?? 'no'} bytes (expected ${bytes})`);
    }
    if (digestOf(join(path, 'state')) !== file.stateDigest)
      throw snapshotCorrupt(id, 'its state is not what was written');
    return file;
  }

  #path(id: SnapshotId): string {
    return join(this.#init.directory, id);
  }

  #ids(): readonly SnapshotId[] {
    if (!existsSync(this.#init.directory)) return [];
    return readdirSync(this.#init.directory).filter(isSnapshotId);
  }
}

/** State is a few ten kilobytes; memory is as large as the machine and is not read for this. */
function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function takeFailed(sandbox: SandboxId, cause: unknown): SovereignError {
  return new SovereignError({
    reason: 'snapshot.failed',
    message: `No snapshot of ${sandbox} could be taken: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'The sandbox runs on. Is the disk full?',
    context: { sandbox },
    cause,
  });
}

function incompatible(snapshot: SnapshotId, there: string, here: string): SovereignError {
  return new SovereignError({
    reason: 'snapshot.incompatible',
    message: `Snapshot ${snapshot} was taken with ${there}; this host has ${here}.`,
    hint: 'Resume it where it was taken, or take another one here.',
    context: { snapshot },
  });
}

function notFound(snapshot: SnapshotId): SovereignError {
  return new SovereignError({
    reason: 'snapshot.not-found',
    message: `No Firecracker snapshot has the id ${snapshot.slice(0, 64)}.`,
    hint: 'List snapshots to see those there are.',
  });
}

function notRunning(sandbox: SandboxId, state: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-running',
    message: `Sandbox ${sandbox} is ${state}: a snapshot is of one that runs.`,
    hint: 'Start or resume it first.',
    context: { sandbox },
  });
}
