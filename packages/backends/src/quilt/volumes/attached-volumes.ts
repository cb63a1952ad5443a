import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { ownedName, parseStateFile, stateText, type SandboxId, type VolumeMount } from '@sovereign/core';
import type { QuiltState } from '../quilt-state.ts';

const mountsSchema = v.pipe(
  v.array(
    v.strictObject({
      volume: stateText,
      guestPath: v.pipe(stateText, v.startsWith('/')),
      isReadOnly: v.exactOptional(v.boolean()),
    }),
  ),
  v.maxLength(64),
);

/**
 * Which volumes a sandbox has: those of its spec until that changes, from then on those of `volumes.json` beside it.
 *
 * @throws SovereignError `sandbox.not-found`, `sandbox.state-corrupt`
 */
export function attachedVolumes(state: QuiltState, id: SandboxId): readonly VolumeMount[] {
  const path = join(state.directory(id), 'volumes.json');
  if (!existsSync(path)) return state.readSpec(id).volumes ?? [];
  return parseStateFile(mountsSchema, path, readFileSync(path, 'utf8'));
}

export function writeAttachedVolumes(state: QuiltState, id: SandboxId, mounts: readonly VolumeMount[]): void {
  const path = join(state.directory(id), 'volumes.json');
  const whole = ownedName(path);
  writeFileSync(whole, JSON.stringify(mounts), { mode: 0o600 });
  renameSync(whole, path);
}
