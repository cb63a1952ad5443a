import * as v from 'valibot';
import { SovereignError } from '@sovereign/protocol';
import type { SandboxSpec } from '../contract/sandbox-spec.ts';
import { isSandboxId } from '../identity/sandbox-id.ts';
import { corruptState, maxStateBytes, parseStateFile, stateCount, stateText } from './state-file.ts';

/** As core checks them; what stands here becomes the name of a file. */
const namePattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const resourceName = v.pipe(v.string(), v.regex(namePattern));

/** Any name goes, `constructor` too, which v.record would leave out. */
const texts = v.custom<Readonly<Record<string, string>>>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === 'string'),
);

const imageSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('host') }),
  v.strictObject({ kind: v.literal('rootfs'), path: stateText }),
  v.strictObject({ kind: v.literal('tar'), path: stateText }),
  v.strictObject({ kind: v.literal('reference'), reference: stateText }),
]);

const specSchema = v.strictObject({
  id: v.custom<SandboxSpec['id']>((value) => typeof value === 'string' && isSandboxId(value)),
  name: v.exactOptional(resourceName),
  image: imageSchema,
  workspace: v.exactOptional(
    v.strictObject({
      hostPath: stateText,
      guestPath: v.exactOptional(stateText),
      isReadOnly: v.exactOptional(v.boolean()),
      granted: v.exactOptional(v.pipe(v.array(stateText), v.maxLength(64))),
      isReviewed: v.exactOptional(v.boolean()),
    }),
  ),
  user: v.exactOptional(v.pipe(v.string(), v.maxLength(256))),
  env: texts,
  limits: v.strictObject({
    memoryBytes: v.exactOptional(stateCount),
    pids: v.exactOptional(stateCount),
    cpus: v.exactOptional(v.pipe(v.number(), v.finite(), v.minValue(0))),
  }),
  network: v.picklist(['none', 'host']),
  isInsecure: v.boolean(),
  volumes: v.exactOptional(
    v.pipe(
      v.array(
        v.strictObject({
          volume: resourceName,
          guestPath: stateText,
          isReadOnly: v.exactOptional(v.boolean()),
        }),
      ),
      v.maxLength(64),
    ),
  ),
  strategy: v.exactOptional(v.picklist(['ephemeral', 'task', 'session', 'service'])),
  scope: v.exactOptional(resourceName),
  lifetime: v.exactOptional(
    v.strictObject({
      idleMs: v.exactOptional(stateCount),
      maxMs: v.exactOptional(stateCount),
      onExpiry: v.exactOptional(v.picklist(['stop', 'remove'])),
    }),
  ),
  pool: v.exactOptional(
    v.strictObject({
      pool: resourceName,
      keeper: v.exactOptional(
        v.strictObject({
          pid: stateCount,
          startTicks: stateCount,
          bootId: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{32}|none)$/)),
        }),
      ),
    }),
  ),
  labels: texts,
  createdMs: stateCount,
});

/**
 * Reads the file in which a backend keeps what was asked for.
 *
 * @throws SovereignError `sandbox.state-corrupt`, also for the file of another sandbox.
 */
export function parseSpecFile(path: string, content: string, id: SandboxSpec['id']): SandboxSpec {
  const spec = parseStateFile(specSchema, path, content);
  if (spec.id !== id) throw corruptState(path, `it is that of ${spec.id}`);
  return spec;
}

/**
 * The text of a spec file that can be read again.
 *
 * @throws SovereignError `argument.too-large`, `argument.invalid`
 */
export function formatSpecFile(spec: SandboxSpec): string {
  const content = JSON.stringify(spec);
  const bytes = Buffer.byteLength(content);
  if (bytes > maxStateBytes) {
    throw new SovereignError({
      reason: 'argument.too-large',
      message: `The specification of the sandbox is too large: ${bytes} bytes (at most ${maxStateBytes}).`,
      hint: 'Give less environment; pass long values through files.',
      context: { bytes },
    });
  }
  const parsed = v.safeParse(specSchema, JSON.parse(content));
  if (parsed.success) return content;
  throw new SovereignError({
    reason: 'argument.invalid',
    message: `The specification of the sandbox could not be read again: ${parsed.issues[0].message.slice(0, 200)}.`,
    hint: 'Correct what it names.',
  });
}
