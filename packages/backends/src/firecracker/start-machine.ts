import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isAlive, type ProcessIdentity, type SandboxId } from '@sovereign/core';
import type { LaunchHelper } from '@sovereign/guest';
import type { MachineBoot } from '@sovereign/microvm';
import type { ApiCall } from './api-types.ts';
import type { FirecrackerApi } from './firecracker-api.ts';
import { cgroupVersion, type FirecrackerProgram } from './firecracker-program.ts';
import { jailUser } from './jail-user.ts';
import { jailerArguments, jailRoot, monitorArguments } from './launch-arguments.ts';
import { machineFiles } from './machine-root.ts';
import type { MachineShape } from './machine-shape.ts';
import { awaitApi, killMonitor, launchMonitor } from './monitor-process.ts';
import { prepareRoot, type PlacedFile } from './prepare-root.ts';

/** What starts a machine: by a boot, or by a snapshot. */
export interface StartPlan {
  readonly files: readonly PlacedFile[];
  /** Asked of the monitor one after the other, once it answers. */
  readonly calls: readonly ApiCall[];
  /** What it is recorded to have been started from; the monitor is named when it runs. */
  readonly boot: MachineBoot;
}

export interface MachineStart extends Pick<StartPlan, 'files' | 'calls'> {
  readonly helper: LaunchHelper;
  readonly program: FirecrackerProgram;
  readonly shelldPath: string;
  readonly sandbox: SandboxId;
  readonly shape: MachineShape;
  readonly api: FirecrackerApi;
  /** Directory of the machine's own files; a monitor without a jail runs there. */
  readonly machinePath: string;
  readonly jailsPath: string;
  /** A link that is made to the directory that the monitor runs in. */
  readonly linkPath: string;
  readonly consolePath: string;
  readonly signal?: AbortSignal;
}

/** Starts a monitor and has it boot or resume its machine; the guest answers later. When it fails, no process is left. */
export async function startMachine(start: MachineStart): Promise<ProcessIdentity> {
  const { program, sandbox, shape } = start;
  const jail =
    program.jailerPath === undefined
      ? undefined
      : {
          jailerPath: program.jailerPath,
          basePath: start.jailsPath,
          uid: jailUser(sandbox),
          cgroupVersion: cgroupVersion(),
        };
  const root =
    jail === undefined ? start.machinePath : jailRoot(jail.basePath, basename(program.path), sandbox);
  // The jailer makes devices in it, and takes one that is there already for a failure.
  if (jail !== undefined) rmSync(dirname(root), { recursive: true, force: true });
  await prepareRoot({ helper: start.helper, root, files: start.files, uid: jail?.uid });
  linkTo(root, start.linkPath);
  rmSync(start.consolePath, { force: true });
  const argv =
    jail === undefined
      ? monitorArguments(program.path, sandbox)
      : jailerArguments(program.path, sandbox, jail, shape);
  const monitor = await launchMonitor({
    ...start,
    root,
    argv,
    pidPath: join(start.machinePath, machineFiles.pid),
  });
  try {
    const socketPath = join(start.linkPath, machineFiles.apiSocket);
    await awaitApi({ ...start, monitor, socketPath });
    for (const call of start.calls) await start.api.call(call, start.signal);
    return monitor;
  } catch (error) {
    if (isAlive(monitor)) await killMonitor(monitor, sandbox);
    throw error;
  }
}

/** A socket's path has 107 bytes at most; the way through a link is short. */
function linkTo(root: string, linkPath: string): void {
  mkdirSync(dirname(linkPath), { recursive: true, mode: 0o700 });
  rmSync(linkPath, { force: true });
  symlinkSync(root, linkPath);
}
