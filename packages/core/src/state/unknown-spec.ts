import type { SandboxId, SandboxSpec } from '../contract/sandbox-spec.ts';

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
