import { join } from 'node:path';
import { guestPaths, guestSearchPath, stagedPath, type LaunchRequest } from '@sovereign/guest';
import { bareRequest, nativeEnvironment, nativeRequest } from './launch-native.ts';
import { agentHome, bubblewrapRequest, workspacePathOf } from './launch-bubblewrap.ts';
import type { ProcessLaunch } from './process-launch.ts';

/** One way of bringing up a guest of the process tier. */
export interface LaunchWay {
  readonly request: (launch: ProcessLaunch) => LaunchRequest;
  readonly environment: (launch: ProcessLaunch) => Readonly<Record<string, string>>;
  readonly workspacePath: (launch: ProcessLaunch) => string;
  /** The guest uses the launch's directory for as long as it lives. */
  readonly needsDirectory: boolean;
  /** How long the guest is given to end by itself: 0 where the pid that is known is that of its PID 1. */
  readonly patienceMs: number;
}

/**
 * The ways that a host offers, strongest first; a weaker one is tried when a stronger one does not come up. A bubblewrap
 * that is there and fails is news that a person should have: only `--insecure` goes on without it.
 */
export function launchWays(bubblewrap: string | undefined, isInsecure: boolean): readonly LaunchWay[] {
  if (bubblewrap === undefined) return [native, bare];
  return isInsecure ? [withBubblewrap(bubblewrap), native, bare] : [withBubblewrap(bubblewrap)];
}

function withBubblewrap(path: string): LaunchWay {
  return {
    request: (launch) => bubblewrapRequest(launch, path),
    environment: (launch) => commonEnvironment(launch, guestPaths.virtualEnv, { HOME: agentHome }),
    workspacePath: ({ spec }) => workspacePathOf(spec),
    needsDirectory: false,
    patienceMs: 0,
  };
}

const native: LaunchWay = {
  request: nativeRequest,
  environment: (launch) => commonEnvironment(launch, stagedPath('venv'), nativeEnvironment(launch, false)),
  workspacePath: ({ spec }) => workspacePathOf(spec),
  needsDirectory: false,
  patienceMs: 2_000,
};

const bare: LaunchWay = {
  request: bareRequest,
  environment: (launch) => commonEnvironment(launch, launch.virtualEnvPath, nativeEnvironment(launch, true)),
  workspacePath: (launch) =>
    launch.spec.workspace === undefined ? join(launch.directory, 'tmp') : workspacePathOf(launch.spec),
  needsDirectory: true,
  patienceMs: 2_000,
};

/** @param virtualEnv where the Python environment is for commands, if there is one */
function commonEnvironment(
  launch: ProcessLaunch,
  virtualEnv: string | undefined,
  own: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const hasPython = launch.virtualEnvPath !== undefined && virtualEnv !== undefined;
  return {
    PATH: hasPython ? `${virtualEnv}/bin:${guestSearchPath}` : guestSearchPath,
    LANG: 'C.UTF-8',
    SOVEREIGN_SANDBOX: launch.spec.id,
    ...own,
    ...(hasPython && { VIRTUAL_ENV: virtualEnv }),
  };
}
