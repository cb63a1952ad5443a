import { join } from 'node:path';
import type { SandboxSpec } from '@sovereign/core';
import { stagedPath } from '@sovereign/guest';
import type { EngineHost } from '../engine-host.ts';
import type { ScratchOptions } from '../scratch-guest.ts';

/** Where what is worked on is inside a scratch guest. */
export const insidePaths = {
  changed: '/run/sovereign/changed',
  workspace: '/run/sovereign/workspace',
  record: '/run/sovereign/record',
} as const;

type Access = 'bind' | 'readOnly';

/**
 * A guest with what a sandbox changed, its workspace, and where an application is recorded, each in its place and nothing
 * else.
 */
export function scratchOfReview(
  host: EngineHost,
  spec: SandboxSpec,
  access: Access,
  record?: string,
): ScratchOptions {
  const staged = [
    { source: join(host.state.reviewPath(spec.id), 'upper'), name: 'changed' },
    ...(record === undefined ? [] : [{ source: record, name: 'record' }]),
  ];
  return {
    ...host.scratch,
    staged,
    workspace: { source: spec.workspace?.hostPath ?? '', name: 'workspace' },
    mounts: [
      { kind: 'readOnly', source: stagedPath('changed'), target: insidePaths.changed },
      ...(record === undefined
        ? []
        : [{ kind: 'bind', source: stagedPath('record'), target: insidePaths.record } as const]),
      { kind: access, source: stagedPath('workspace'), target: insidePaths.workspace },
    ],
  };
}

/** A guest with a record and the workspace that it is of. */
export function scratchOfStep(
  host: EngineHost,
  { workspace, record }: { readonly workspace: string; readonly record: string },
  access: Access,
): ScratchOptions {
  return {
    ...host.scratch,
    staged: [{ source: record, name: 'record' }],
    workspace: { source: workspace, name: 'workspace' },
    mounts: [
      { kind: 'readOnly', source: stagedPath('record'), target: insidePaths.record },
      { kind: access, source: stagedPath('workspace'), target: insidePaths.workspace },
    ],
  };
}
