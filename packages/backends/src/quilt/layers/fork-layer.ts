import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SovereignError } from '@sovereign/protocol';
import { ownedName, type Guest, type SandboxId, type SandboxSpec } from '@sovereign/core';
import { stagedPath } from '@sovereign/guest';
import type { EngineHost } from '../engine-host.ts';
import { scratchOutput } from './scratch-output.ts';

/**
 * Makes a sandbox with the same root as a stopped or paused one, in state `created`: its upper layer is copied, by
 * reference where the file system can.
 *
 * @throws SovereignError `sandbox.not-running` while it runs, `argument.invalid` for another image
 */
export async function forkLayer(host: EngineHost, id: SandboxId, spec: SandboxSpec): Promise<Guest> {
  const source = host.guest(id);
  const state = source.state();
  if (state === 'running' || state === 'broken') throw notStill(id, state);
  if (!isDeepStrictEqual(source.spec.image, spec.image)) throw otherImage(id);
  const copy = ownedName(join(host.directory, 'sandboxes', '_fork'));
  try {
    mkdirSync(join(copy, 'upper'), { recursive: true, mode: 0o755 });
    mkdirSync(join(copy, 'work'), { mode: 0o755 });
    await copyUpper(host, join(host.state.layerPath(id), 'upper'), join(copy, 'upper'));
    // It may have been resumed or started meanwhile, and then what was copied was never whole.
    if (host.guest(id).state() !== state) throw notStill(id, host.guest(id).state());
    return await host.defineWithLayer(spec, id, copy);
  } catch (error) {
    await host.emptyAsGuest(copy).catch(() => undefined);
    throw error;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/**
 * SAFETY: copied by root of a scratch guest that has nothing but the two directories: no link in the layer leads
 * anywhere, and what it owns stays within the ids of guests. Held by tests/quilt/layers.test.ts.
 */
async function copyUpper(host: EngineHost, from: string, to: string): Promise<void> {
  const output = scratchOutput(
    {
      ...host.scratch,
      staged: [
        { source: from, name: 'from' },
        { source: to, name: 'to' },
      ],
      mounts: [
        { kind: 'readOnly', source: stagedPath('from'), target: '/run/sovereign/from' },
        { kind: 'bind', source: stagedPath('to'), target: '/run/sovereign/to' },
      ],
    },
    {
      command: 'cp',
      args: ['-a', '--reflink=auto', '--', '/run/sovereign/from/.', '/run/sovereign/to/'],
      what: 'copied',
    },
  );
  for await (const _ of output);
}

function notStill(id: SandboxId, state: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-running',
    message: `Cannot fork ${id}: it is ${state} (created, stopped or paused expected).`,
    hint: `Stop it, or pause it: sovereign stop ${id}`,
    context: { id, state },
  });
}

function otherImage(id: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `A fork of ${id} has its image (another was given).`,
    hint: 'Leave the image out.',
    context: { id },
  });
}
