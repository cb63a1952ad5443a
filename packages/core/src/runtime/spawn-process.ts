import type { OutputSink } from '../contract/exec.ts';
import { checkWhole } from './argument-checks.ts';
import type { LiveSandbox } from './live-sandbox.ts';
import { prepareExec, type SpawnRequest } from './prepare-exec.ts';
import { SandboxProcess } from './sandbox-process.ts';
import { throwIfCancelled } from './to-sovereign-error.ts';

export interface SpawnOptions {
  /** Kills everything the process started; `exit` then rejects with `operation.cancelled`. */
  readonly signal?: AbortSignal;
  /** Takes the output in place of iteration. It must not throw. */
  readonly onOutput?: OutputSink;
}

/** Starts a process and resolves when it runs, or could not be started for a reason that its exit tells. */
export async function spawnProcess(
  live: LiveSandbox,
  request: SpawnRequest,
  options: SpawnOptions,
): Promise<SandboxProcess> {
  throwIfCancelled(options.signal);
  const prepared = prepareExec(live, request);
  const channel = await live.channels.get();
  throwIfCancelled(options.signal);
  const begun = live.actions.begin(prepared.action, live.report);
  try {
    const process = channel.exec(prepared.exec, options.onOutput);
    const id = await process.started;
    const attendance = {
      source: prepared.source,
      isLeftOpen: request.openStdin === true,
      signal: options.signal,
    };
    return new SandboxProcess({
      live,
      process,
      begun,
      id,
      attendance,
      isDetached: request.isDetached === true,
    });
  } catch (error) {
    throw begun.fail(error);
  }
}

export interface AttachProcessOptions extends SpawnOptions {
  /** Where each stream is followed from. Default: the oldest byte that is still retained. */
  readonly cursors?: { readonly stdout: number; readonly stderr: number };
}

/** Follows a process that runs or is retained. Resolves when attached. */
export async function attachProcess(
  live: LiveSandbox,
  process: number,
  options: AttachProcessOptions,
): Promise<SandboxProcess> {
  const cursors = options.cursors ?? { stdout: 0, stderr: 0 };
  checkWhole('process', process, { min: 1, max: 0xffff_ffff });
  checkWhole('cursors.stdout', cursors.stdout, { min: 0, max: Number.MAX_SAFE_INTEGER });
  checkWhole('cursors.stderr', cursors.stderr, { min: 0, max: Number.MAX_SAFE_INTEGER });
  const channel = await live.channels.get();
  const begun = live.actions.begin({ kind: 'exec.attach', sandbox: live.id, process }, live.report);
  try {
    const followed = channel.attach(process, cursors, options.onOutput);
    const id = await followed.started;
    return new SandboxProcess({
      live,
      process: followed,
      begun,
      id,
      attendance: { signal: options.signal },
      isDetached: false,
    });
  } catch (error) {
    throw begun.fail(error);
  }
}
