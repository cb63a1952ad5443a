import { join } from 'node:path';
import type { ChangeRecord, SandboxSpec } from '@sovereign/core';
import { guestPaths, stagedPath } from '@sovereign/guest';
import type { EngineHost } from '../engine-host.ts';
import { attachedVolumes } from '../volumes/attached-volumes.ts';
import { parseChangeLines } from './change-lines.ts';
import { scratchOutput, shelldInside } from './scratch-output.ts';

/**
 * What a sandbox changed against its image, sorted by path: by walking its upper layer, and looking below only where that
 * has something.
 *
 * SAFETY: both are hostile, so both are read inside a scratch guest whose root is the image and that holds the layer
 * read-only: no link in either leads to anything of the host. Held by tests/quilt/layers.test.ts.
 */
export async function* diffLayer(host: EngineHost, spec: SandboxSpec): AsyncIterable<ChangeRecord> {
  const scratch = await host.scratchLike(spec);
  const output = scratchOutput(
    {
      ...scratch,
      staged: [{ source: join(host.state.layerPath(spec.id), 'upper'), name: 'changed' }],
      mounts: [{ kind: 'readOnly', source: stagedPath('changed'), target: '/run/sovereign/changed' }],
    },
    { command: shelldInside, args: ['changes', '/run/sovereign/changed', '/'], what: 'read' },
  );
  const ours = mountPointsOf(host, spec);
  // The hosts file is a mount of ours as well: what the launcher did to the one below it is no change of the guest's.
  for await (const { kind, path } of parseChangeLines(output))
    if (path !== guestPaths.hosts && (kind !== 'added' || !ours.has(path))) yield { kind, path };
}

/** Directories that the launcher and we have made for something to be mounted on, with those above them. */
function mountPointsOf(host: EngineHost, spec: SandboxSpec): ReadonlySet<string> {
  const points = ['/proc', '/dev', '/run', '/sys', host.workspacePath(spec.id)];
  for (const { guestPath } of attachedVolumes(host.state, spec.id)) points.push(guestPath);
  const all = points.flatMap((point) => {
    const parts = point.split('/');
    return parts
      .slice(2)
      .map((_, index) => parts.slice(0, index + 3).join('/'))
      .concat(parts.slice(0, 2).join('/'));
  });
  return new Set(all);
}
