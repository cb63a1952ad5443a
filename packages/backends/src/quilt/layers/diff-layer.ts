import { join } from 'node:path';
import type { ChangeRecord, SandboxSpec } from '@sovereign/core';
import { stagedPath } from '@sovereign/guest';
import type { EngineHost } from '../engine-host.ts';
import { parseChangeLines } from './change-lines.ts';
import { isCovered, mountPointsOf } from './mount-points.ts';
import { scratchOutput, shelldInside } from './scratch-output.ts';

/** What a sandbox changed against its image, sorted by path, without what the launcher made for us to mount on. */
export async function* diffLayer(host: EngineHost, spec: SandboxSpec): AsyncIterable<ChangeRecord> {
  const ours = mountPointsOf(host, spec);
  for await (const change of layerChanges(host, spec))
    if (!isCovered(change.path) && (change.kind !== 'added' || !ours.has(change.path))) yield change;
}

/**
 * Everything that its layer changes, sorted by path: by walking its upper layer, and looking below only where that has
 * something.
 *
 * SAFETY: both are hostile, so both are read inside a scratch guest whose root is the image and that holds the layer
 * read-only: no link in either leads to anything of the host. Held by tests/quilt/layers.test.ts.
 */
export async function* layerChanges(host: EngineHost, spec: SandboxSpec): AsyncIterable<ChangeRecord> {
  const scratch = await host.scratchLike(spec);
  const output = scratchOutput(
    {
      ...scratch,
      staged: [{ source: join(host.state.layerPath(spec.id), 'upper'), name: 'changed' }],
      mounts: [{ kind: 'readOnly', source: stagedPath('changed'), target: '/run/sovereign/changed' }],
    },
    { command: shelldInside, args: ['changes', '/run/sovereign/changed', '/'], what: 'read' },
  );
  for await (const { kind, path } of parseChangeLines(output)) yield { kind, path };
}
