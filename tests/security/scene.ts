import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Guest, GuestChannel, ResolvedExec, SandboxSpec } from '@sovereign/core';
import { connectGuestChannel } from '@sovereign/guest';
import { collect, environmentOf, sandboxSpecForTest } from '@sovereign/testkit';
import type { TestTier } from '../support/tiers.ts';

export interface ScriptResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** One sandbox and the host around it. Verdicts are read from the host's side. */
export interface SecurityScene {
  readonly guest: Guest;
  readonly channel: GuestChannel;
  /** The workspace, on the host. */
  readonly hostWorkspace: string;
  /** A directory of the host beside the workspace that is none of the sandbox's business. */
  readonly hostPrivate: string;
  sh(script: string, options?: Partial<ResolvedExec>): Promise<ScriptResult>;
  python(source: string, ...args: readonly string[]): Promise<ScriptResult>;
}

/** Plays an act in a sandbox of its own, which is removed whatever happens. */
export async function inSandbox(
  tier: TestTier,
  act: (scene: SecurityScene) => Promise<void>,
  overrides: Partial<SandboxSpec> & { readonly prepare?: (hostWorkspace: string) => Promise<void> } = {},
): Promise<void> {
  const { prepare, ...spec } = overrides;
  const root = await mkdtemp(join(tmpdir(), 'svx-'));
  // Permission bits of the way there are not what is tested: any user of the host may pass.
  await chmod(root, 0o755);
  const [stateDir, runtimeDir, hostWorkspace, hostPrivate] = [
    join(root, 's'),
    join(root, 'r'),
    join(root, 'w'),
    join(root, 'p'),
  ];
  for (const path of [stateDir, runtimeDir]) await mkdir(path, { mode: 0o700 });
  await mkdir(hostWorkspace);
  await mkdir(hostPrivate);
  await chmod(hostPrivate, 0o777);
  await prepare?.(hostWorkspace);
  const backend = tier.create({ stateDir, runtimeDir });
  try {
    const guest = await backend.create(
      sandboxSpecForTest({ workspace: { hostPath: hostWorkspace }, ...spec }),
    );
    const channel = connectGuestChannel(await guest.connect());
    const run = async (
      command: string,
      args: readonly string[],
      options: Partial<ResolvedExec> = {},
    ): Promise<ScriptResult> => {
      const exec = {
        command,
        args,
        cwd: guest.workspacePath,
        env: environmentOf(guest),
        timeoutMs: 45_000,
        ...options,
      };
      const { exit, stdout, stderr } = await collect(channel.exec(exec));
      return { code: exit.exitCode, out: stdout.toString(), err: stderr.toString() };
    };
    await act({
      guest,
      channel,
      hostWorkspace,
      hostPrivate,
      sh: (script, options) => run('sh', ['-c', script], options),
      python: (source, ...args) => run('python3', ['-c', source, ...args]),
    });
    await channel.close();
  } finally {
    for (const { id } of await backend.list()) await (await backend.attach(id)).remove();
    await backend.close();
    await rm(root, { recursive: true, force: true });
  }
}
