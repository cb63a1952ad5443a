import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { available, type Available } from '../figure.ts';
import { hasControlGroup, removeControlGroup } from './control-groups.ts';
import { prepareEngine, type Engine, type EngineOptions } from './engine.ts';
import { findProgram } from './find-program.ts';
import { hideUnifiedHierarchy } from './hybrid-cgroups.ts';
import { startPrivateDaemon } from './private-daemon.ts';

/** What podman wants to raise without CAP_SYS_RESOURCE fails; these are below what hosts allow. */
const configuration = `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`;

/** Where it puts all containers; it stays behind. */
const parentGroup = 'libpod_parent';

/** Podman's Docker-compatible service with storage of its own. */
export async function openPodman({ directory, program, cleanup }: EngineOptions): Promise<Available<Engine>> {
  const socketPath = await startPrivatePodman({ directory, cleanup });
  const podman = findProgram('podman') ?? 'podman';
  const commandLine: Engine['commandLine'] = [podman, '--remote', '--url', `unix://${socketPath}`];
  return available(await prepareEngine({ name: 'podman', socketPath, commandLine, program, cleanup }));
}

export interface PrivatePodmanOptions extends Pick<EngineOptions, 'directory' | 'cleanup'> {
  /** Run by `sh` before it, in its namespaces. */
  readonly setup?: string;
  /** A registry that it may pull from without TLS. */
  readonly plainRegistry?: string;
}

/** Starts a service of our own, with everything below `directory`; returns its socket. @throws Error when it cannot */
export async function startPrivatePodman({
  directory,
  cleanup,
  setup = '',
  plainRegistry,
}: PrivatePodmanOptions): Promise<string> {
  const podman = findProgram('podman');
  if (podman === undefined) throw new Error('podman is not installed');
  if (process.geteuid?.() !== 0) throw new Error('its service is started as root only');
  if (!hasControlGroup(parentGroup)) cleanup.defer(() => removeControlGroup(parentGroup));
  const socketPath = join(directory, 'p.sock');
  const configPath = join(directory, 'containers.conf');
  writeFileSync(configPath, configuration);
  const registriesPath = join(directory, 'registries.conf');
  writeFileSync(
    registriesPath,
    plainRegistry === undefined ? '' : `[[registry]]\nlocation = "${plainRegistry}"\ninsecure = true\n`,
  );
  const storage = [
    '--root',
    join(directory, 'root'),
    '--runroot',
    join(directory, 'run'),
    '--tmpdir',
    join(directory, 'tmp'),
  ];
  await startPrivateDaemon({
    setup: `${existsSync('/sys/fs/cgroup/unified') ? hideUnifiedHierarchy : ''}\n${setup}`,
    argv: [podman, ...storage, 'system', 'service', '--time', '0', `unix://${socketPath}`],
    env: { CONTAINERS_CONF: configPath, CONTAINERS_REGISTRIES_CONF: registriesPath },
    socketPath,
    logPath: join(directory, 'log'),
    cleanup,
  });
  return socketPath;
}
