import { isAbsolute } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { Action } from '../contract/action.ts';
import { checkNonEmpty, invalid } from '../runtime/argument-checks.ts';
import type { SandboxHandle } from '../runtime/sandbox-handle.ts';
import type { LiveSandbox } from '../runtime/live-sandbox.ts';
import { copyIn } from './copy-in.ts';
import { copyOut } from './copy-out.ts';
import { CopyTally, type CopyOptions, type CopyResult } from './copy-tally.ts';
import { hostFileError } from './host-file-error.ts';

/**
 * Copies a file or directory of the host into a sandbox, links as links. `from` is absolute; when `to` is a directory, it
 * goes into it, and `from/.` means what is in a directory.
 *
 * @throws SovereignError `sandbox.not-running`, `file.*`
 */
export async function copyToSandbox(
  handle: SandboxHandle,
  live: LiveSandbox,
  paths: { readonly from: string; readonly to: string },
  options: CopyOptions,
): Promise<CopyResult> {
  checkHostPath('from', paths.from);
  checkNonEmpty('to', paths.to);
  return perform(live, { kind: 'sandbox.copyTo', sandbox: live.id, path: paths.to }, async () => {
    const tally = new CopyTally(options);
    await copyIn(handle, paths.from, paths.to, tally);
    return tally.result();
  });
}

/**
 * Copies a file or directory of a sandbox to the host. What is in it is the guest's claim: nothing is written outside the
 * destination, links that lead out are left out and said so.
 *
 * @throws SovereignError `sandbox.not-running`, `file.*`
 */
export async function copyFromSandbox(
  handle: SandboxHandle,
  live: LiveSandbox,
  paths: { readonly from: string; readonly to: string },
  options: CopyOptions,
): Promise<CopyResult> {
  checkNonEmpty('from', paths.from);
  checkHostPath('to', paths.to);
  return perform(live, { kind: 'sandbox.copyFrom', sandbox: live.id, path: paths.from }, async () => {
    const tally = new CopyTally(options);
    await copyOut(handle, paths.from, paths.to, tally);
    return tally.result();
  });
}

async function perform(
  live: LiveSandbox,
  action: Action,
  run: () => Promise<CopyResult>,
): Promise<CopyResult> {
  const state = await live.guest.status();
  if (state !== 'running') throw notReachable(live.id, state);
  return live.actions.perform(
    {
      action,
      runtime: live.report,
      facts: ({ files, bytes, skippedCount }) => ({ files, bytes, skipped: skippedCount }),
    },
    async () => {
      try {
        return await run();
      } catch (error) {
        throw hostFileError(error);
      }
    },
  );
}

function checkHostPath(name: string, path: string): void {
  checkNonEmpty(name, path);
  if (!isAbsolute(path)) throw invalid(name, path, 'an absolute path of the host');
}

function notReachable(id: string, state: string): SovereignError {
  return new SovereignError({
    reason: 'sandbox.not-running',
    message: `Sandbox ${id} is ${state}: files are copied through the guest, which has to run.`,
    hint:
      state === 'paused'
        ? 'Resume it first.'
        : state === 'broken'
          ? 'Remove it; what is in its volumes and workspace stays.'
          : 'Start it first; or keep what is to be reached without it in a volume or the workspace.',
    context: { sandbox: id, state },
  });
}
