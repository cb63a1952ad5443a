import { findProgram, stagedPath } from '@sovereign/guest';
import type { BuildGuest, BuildRequest } from '@sovereign/images';
import { idShortfall } from './id-shortfall.ts';
import { withScratchGuest, type ScratchOptions } from './scratch-guest.ts';

/**
 * What a builder needs to make the containers of its steps: mounts and a chroot, owners, file capabilities, device nodes
 * (which a user namespace refuses all the same), and to take from a step what it has itself. All of it in the guest's user
 * namespace, where it owns nothing of the host.
 */
const builderCapabilities = [
  'CAP_SYS_ADMIN',
  'CAP_SYS_CHROOT',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_MKNOD',
  'CAP_AUDIT_WRITE',
] as const;

/**
 * Runs builders in scratch guests.
 *
 * SAFETY: a step that breaks out of the builder's chroot is root of a user namespace whose ids own nothing on the host, in a
 * guest that has `/build`, the context read-only, and the host's `/usr` read-only. System calls are not filtered there, for
 * the builder mounts: of a guest's layers that one is missing (ADR 0009). tests/images/build.test.ts holds the rest.
 */
export function createBuildGuest(scratch: () => ScratchOptions): BuildGuest {
  return {
    has: (program) => findProgram(program) !== undefined,
    shortfall: () => idShortfall(),
    run: (request) => run(request, scratch()),
  };
}

async function run(request: BuildRequest, scratch: ScratchOptions): Promise<number> {
  const options: ScratchOptions = {
    ...scratch,
    staged: [
      { source: request.directory, name: 'build' },
      { source: request.contextPath, name: 'context' },
    ],
    mounts: [
      { kind: 'bind', source: stagedPath('build'), target: '/build' },
      { kind: 'readOnly', source: stagedPath('context'), target: '/context' },
      // The builder binds it into its steps, and has nothing to look up there.
      { kind: 'tmpfs', target: '/sys' },
    ],
    capabilities: builderCapabilities,
    isUnfiltered: true,
    hasNetwork: request.hasNetwork,
  };
  return withScratchGuest(options, async (channel) => {
    const program = channel.exec(
      {
        command: request.command,
        args: request.args,
        cwd: '/build',
        env: Object.entries({ PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...request.env }).map(
          ([name, value]) => `${name}=${value}`,
        ),
      },
      (_stream, data) => request.onOutput(data),
    );
    await program.started;
    const stop = (): void => void program.kill().catch(() => undefined);
    request.signal?.addEventListener('abort', stop, { once: true });
    try {
      return (await program.exit).exitCode;
    } finally {
      request.signal?.removeEventListener('abort', stop);
    }
  });
}
