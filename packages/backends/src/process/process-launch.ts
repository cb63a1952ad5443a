import type { SandboxSpec } from '@sovereign/core';

/** Everything that bringing up one guest of the process tier needs, whichever way it goes. */
export interface ProcessLaunch {
  readonly spec: SandboxSpec;
  /** Directory of this guest, gone when it is connected (bubblewrap) or removed (native). */
  readonly directory: string;
  readonly socketPath: string;
  readonly consolePath: string;
  readonly imageDirectory: string;
  readonly shelldPath: string;
  readonly pythonPath: string | undefined;
  readonly virtualEnvPath: string | undefined;
  readonly timeoutMs: number;
}
