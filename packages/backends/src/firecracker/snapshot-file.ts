import * as v from 'valibot';
import { formatSpecFile, parseSpecFile, type SandboxSpec, type SnapshotRecord } from '@sovereign/core';
import { machineBootSchema, type MachineBoot } from '@sovereign/microvm';
import { SovereignError } from '@sovereign/protocol';

/** What is kept beside the files of a snapshot. */
export interface SnapshotFile {
  readonly record: SnapshotRecord;
  /** What has to be the same where it is resumed. */
  readonly identity: string;
  readonly boot: MachineBoot;
  /** The image's file is one of them. */
  readonly files: Readonly<Record<'state' | 'memory' | 'disk' | 'base', { readonly bytes: number }>>;
  /** SHA-256 of the state, hexadecimal. */
  readonly stateDigest: string;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const text = v.pipe(v.string(), v.maxLength(4_096));
const sized = v.strictObject({ bytes: count });

const schema = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^snp_[0-9a-z]{12}$/)),
  spec: v.string(),
  sandbox: text,
  name: text,
  createdMs: count,
  bytes: count,
  pausedMs: v.pipe(v.number(), v.minValue(0)),
  identity: text,
  boot: machineBootSchema,
  files: v.strictObject({ state: sized, memory: sized, disk: sized, base: sized }),
  stateDigest: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});

export function formatSnapshotFile({ record, ...rest }: SnapshotFile): string {
  const { id, spec, name, createdMs, bytes, pausedMs } = record;
  const flat: v.InferOutput<typeof schema> = {
    id,
    spec: formatSpecFile(spec),
    sandbox: spec.id,
    name,
    createdMs,
    bytes,
    pausedMs,
    ...rest,
  };
  return JSON.stringify(flat);
}

/** @throws SovereignError `snapshot.corrupt` */
export function parseSnapshotFile(path: string, content: string, id: string): SnapshotFile {
  try {
    const flat = v.parse(schema, JSON.parse(content));
    if (flat.id !== id) throw new Error(`it is that of ${flat.id}`);
    const spec = parseSpecFile(path, flat.spec, flat.sandbox as SandboxSpec['id']);
    const { name, createdMs, bytes, pausedMs, identity, boot, files, stateDigest } = flat;
    return {
      record: {
        id: flat.id as SnapshotRecord['id'],
        backend: 'firecracker',
        spec,
        name,
        createdMs,
        bytes,
        pausedMs,
      },
      identity,
      boot,
      files,
      stateDigest,
    };
  } catch (error) {
    throw snapshotCorrupt(id, error instanceof Error ? error.message.slice(0, 200) : String(error));
  }
}

export function snapshotCorrupt(id: string, problem: string): SovereignError {
  return new SovereignError({
    reason: 'snapshot.corrupt',
    message: `Snapshot ${id} cannot be used: ${problem}.`,
    hint: 'Remove it and take another one.',
    context: { snapshot: id },
  });
}
