import { randomBytes } from 'node:crypto';
import type { SandboxId, SandboxSpec } from '@sovereign/core';

/** An id of the right form that no other test has: it marks everything that belongs to the sandbox. */
export function uniqueSandboxId(): SandboxId {
  const digits = BigInt(`0x${randomBytes(16).toString('hex')}`).toString(36);
  return `sbx_${digits.slice(0, 12).padStart(12, '0')}` as SandboxId;
}

/** The plainest spec there is: image `host`, no workspace, no network, default limits. */
export function sandboxSpecForTest(overrides: Partial<SandboxSpec> = {}): SandboxSpec {
  return {
    id: uniqueSandboxId(),
    image: { kind: 'host' },
    env: {},
    limits: {},
    network: 'none',
    isInsecure: false,
    labels: {},
    createdMs: Date.now(),
    ...overrides,
  };
}
