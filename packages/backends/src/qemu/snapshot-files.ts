import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import {
  formatSpecFile,
  isSandboxId,
  isSnapshotId,
  parseSpecFile,
  stateCount,
  stateText,
  type SandboxSpec,
  type SnapshotId,
  type SnapshotRecord,
} from '@sovereign/core';
import { ownedName, sweepAbandoned } from '@sovereign/guest';
import { machineBootSchema, type MachineBoot } from '@sovereign/microvm';
import { SovereignError } from '@sovereign/protocol';

const fileSchema = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9.-]{1,64}$/)),
  bytes: stateCount,
});

const snapshotSchema = v.strictObject({
  name: stateText,
  spec: stateText,
  sandbox: v.custom<SandboxSpec['id']>((value) => typeof value === 'string' && isSandboxId(value)),
  createdMs: stateCount,
  pausedMs: v.pipe(v.number(), v.finite(), v.minValue(0)),
  boot: machineBootSchema,
  /** Memory as a file to be mapped, or inside the device state as a stream. */
  memory: v.picklist(['file', 'stream']),
  lastDisk: stateCount,
  /** SHA-256 of the device state. */
  stateDigest: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  files: v.pipe(v.array(fileSchema), v.maxLength(1_000)),
});

/** What a snapshot holds, as its index says. */
export interface SnapshotIndex {
  readonly name: string;
  readonly spec: SandboxSpec;
  readonly createdMs: number;
  readonly pausedMs: number;
  readonly boot: MachineBoot;
  readonly memory: 'file' | 'stream';
  readonly lastDisk: number;
}

/**
 * Snapshots as files: one directory each, under its final name once it is whole.
 *
 * ```
 * <id>/snapshot.json    what it was taken of, with size of every file and digest of the device state
 *      memory           the machine's memory, sparse
 *      state            its devices, as QEMU migrates them
 *      disk-<n>.qcow2   the chain of its disk, links to the files of the machine
 * ```
 */
export class SnapshotFiles {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  directory(id: SnapshotId): string {
    return join(this.#root, id);
  }

  /** A directory to make a snapshot in, which `keep` gives its name. */
  begin(id: SnapshotId): string {
    mkdirSync(this.#root, { recursive: true, mode: 0o700 });
    sweepAbandoned(this.#root);
    const partial = ownedName(this.directory(id));
    mkdirSync(partial, { mode: 0o755 });
    return partial;
  }

  keep(id: SnapshotId, partial: string, index: SnapshotIndex): SnapshotRecord {
    const { spec, ...rest } = index;
    const names = readdirSync(partial).toSorted();
    const files = names.map((name) => ({ name, bytes: statSync(join(partial, name)).size }));
    const stateDigest = digestOf(join(partial, 'state'));
    const content = { ...rest, sandbox: spec.id, spec: formatSpecFile(spec), stateDigest, files };
    writeFileSync(join(partial, 'snapshot.json'), JSON.stringify(content), { mode: 0o600 });
    renameSync(partial, this.directory(id));
    return this.record(id);
  }

  /** @throws SovereignError `snapshot.not-found`, `snapshot.corrupt` */
  record(id: SnapshotId): SnapshotRecord {
    const { spec, name, createdMs, pausedMs } = this.#read(id).index;
    const bytes = readdirSync(this.directory(id))
      .map((file) => statSync(join(this.directory(id), file)).blocks * 512)
      .reduce((sum, size) => sum + size, 0);
    return { id, backend: 'qemu', spec, name, createdMs, bytes, pausedMs };
  }

  /** Reads the index, and checks every file against it. @throws SovereignError `snapshot.not-found`, `snapshot.corrupt` */
  open(id: SnapshotId): SnapshotIndex {
    const { index, stateDigest, files } = this.#read(id);
    for (const { name, bytes } of files) {
      const found = statSync(join(this.directory(id), name), { throwIfNoEntry: false })?.size;
      if (found !== bytes) throw corrupt(id, `${name} has ${found ?? 'no'} bytes (${bytes} expected)`);
    }
    if (digestOf(join(this.directory(id), 'state')) !== stateDigest)
      throw corrupt(id, 'its device state is not what it was');
    return index;
  }

  ids(): SnapshotId[] {
    return existsSync(this.#root) ? readdirSync(this.#root).filter(isSnapshotId) : [];
  }

  /** Digests of the roots of those that can be read. */
  roots(): readonly string[] {
    return this.ids().flatMap((id) => {
      try {
        return [this.#read(id).index.boot.base];
      } catch (error) {
        if (error instanceof SovereignError) return [];
        throw error;
      }
    });
  }

  /** @throws SovereignError `snapshot.not-found` */
  remove(id: SnapshotId): void {
    if (!existsSync(this.directory(id))) throw notFound(id);
    const doomed = ownedName(this.directory(id));
    renameSync(this.directory(id), doomed);
    rmSync(doomed, { recursive: true, force: true });
  }

  #read(id: SnapshotId): {
    readonly index: SnapshotIndex;
    readonly stateDigest: string;
    readonly files: readonly { readonly name: string; readonly bytes: number }[];
  } {
    const path = join(this.directory(id), 'snapshot.json');
    if (!existsSync(this.directory(id))) throw notFound(id);
    try {
      const { spec, sandbox, stateDigest, files, ...rest } = v.parse(
        snapshotSchema,
        JSON.parse(readFileSync(path, 'utf8')),
      );
      return { index: { ...rest, spec: parseSpecFile(path, spec, sandbox) }, stateDigest, files };
    } catch (error) {
      throw corrupt(
        id,
        `its index cannot be read (${error instanceof Error ? error.message.slice(0, 200) : 'unreadable'})`,
      );
    }
  }
}

function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function notFound(id: SnapshotId): SovereignError {
  return new SovereignError({
    reason: 'snapshot.not-found',
    message: `There is no snapshot ${id}.`,
    hint: 'List them: sovereign snapshot ls',
    context: { id },
  });
}

function corrupt(id: SnapshotId, problem: string): SovereignError {
  return new SovereignError({
    reason: 'snapshot.corrupt',
    message: `Snapshot ${id} cannot be resumed: ${problem}.`,
    hint: `Remove it: sovereign snapshot rm ${id}`,
    context: { id },
  });
}
