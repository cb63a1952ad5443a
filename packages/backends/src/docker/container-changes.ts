import * as v from 'valibot';
import type { ChangeRecord, SandboxSpec } from '@sovereign/core';
import { workspaceTarget } from '@sovereign/guest';
import { readAnswer } from './container-state.ts';

const changesSchema = v.nullable(v.array(v.object({ Path: v.string(), Kind: v.picklist([0, 1, 2]) })));
const kinds = ['modified', 'added', 'removed'] as const;

/** What engines and we ourselves put into a root: mount points and shelld. */
const ours = [
  '/.dockerenv',
  '/run',
  '/dev',
  '/proc',
  '/sys',
  '/etc/hosts',
  '/etc/hostname',
  '/etc/resolv.conf',
  '/etc/mtab',
];

/**
 * What a guest changed against its image, sorted by path; without the mount points of its workspace, volumes and tools.
 *
 * @throws SovereignError `engine.failed`
 */
export function readChanges(answer: unknown, spec: SandboxSpec): readonly ChangeRecord[] {
  const changes = readAnswer(changesSchema, answer ?? null, 'the changes of a container') ?? [];
  const mounted = [
    ...ours,
    ...(spec.workspace === undefined ? [] : [workspaceTarget(spec)]),
    ...(spec.volumes ?? []).map(({ guestPath }) => guestPath),
  ];
  const isHidden = (path: string): boolean =>
    mounted.some((mount) => path === mount || path.startsWith(`${mount}/`));
  const shown = changes.filter(({ Path }) => !isHidden(Path));
  const isAbove = (path: string, all: readonly { readonly Path: string }[]): boolean =>
    all.some((other) => other.Path.startsWith(`${path}/`));
  return shown
    .filter(
      // A directory that changed only because a mount point was made in it.
      ({ Path, Kind }) => Kind !== 0 || !isAbove(Path, changes) || isAbove(Path, shown),
    )
    .map(({ Path, Kind }) => ({ kind: kinds[Kind], path: Path }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
