import { SovereignError } from '@sovereign/protocol';
import type { SandboxId, SandboxSpec } from '../contract/sandbox-spec.ts';

const corruptReasons: ReadonlySet<string> = new Set(['sandbox.state-corrupt', 'image.corrupt']);

/** Whether this says that a sandbox cannot be what it was: its record, or its image, cannot be read. It can be removed all the same. */
export function isCorrupt(error: unknown): boolean {
  return error instanceof SovereignError && corruptReasons.has(error.reason);
}

/** Stands in for the spec of a sandbox whose record cannot be read, so that it is listed and can be removed. */
export function unknownSpec(id: SandboxId): SandboxSpec {
  return {
    id,
    image: { kind: 'host' },
    env: {},
    limits: {},
    network: 'none',
    isInsecure: false,
    labels: {},
    createdMs: 0,
  };
}
