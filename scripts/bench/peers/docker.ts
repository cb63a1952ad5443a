import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { absent, available, type Available } from '../figure.ts';
import { removeControlGroup } from './control-groups.ts';
import { prepareEngine, type Engine, type EngineOptions } from './engine.ts';
import { findProgram } from './find-program.ts';
import { startPrivateDaemon } from './private-daemon.ts';

/** The Docker that runs, or one of our own when it may be started. */
export async function openDocker(options: EngineOptions): Promise<Available<Engine>> {
  const running = options.mayStart ? undefined : runningSocket();
  if (running === undefined && !options.mayStart)
    return absent('no dockerd runs (--start-docker starts one)');
  const socketPath = running ?? (await startPrivateDocker(options));
  const docker = findProgram('docker') ?? 'docker';
  const { program, cleanup } = options;
  const commandLine: Engine['commandLine'] = [docker, '-H', `unix://${socketPath}`];
  return available(await prepareEngine({ name: 'docker', socketPath, commandLine, program, cleanup }));
}

function runningSocket(): string | undefined {
  const [, named] = /^unix:\/\/(.+)$/.exec(process.env['DOCKER_HOST'] ?? '') ?? [];
  return [named, '/var/run/docker.sock'].find((path) => path !== undefined && existsSync(path));
}

export interface PrivateDockerOptions extends Pick<EngineOptions, 'directory' | 'cleanup'> {
  readonly setup?: string;
  /**
   * Arguments by which it listens on the loopback of this host as well: it shares our network then, and has no bridge and
   * no firewall rules of its own.
   */
  readonly listenArgs?: readonly string[];
}

/** Starts a dockerd of our own, with everything below `directory`; returns its socket. @throws Error when it cannot */
export async function startPrivateDocker({
  directory,
  cleanup,
  setup = '',
  listenArgs,
}: PrivateDockerOptions): Promise<string> {
  const dockerd = findProgram('dockerd');
  if (dockerd === undefined) throw new Error('dockerd is not installed');
  if (process.geteuid?.() !== 0) throw new Error('dockerd is started as root only');
  const socketPath = join(directory, 'd.sock');
  const group = `sovereign-bench-${process.pid}-${basename(directory)}`;
  cleanup.defer(() => removeControlGroup(group));
  const argv = [dockerd, '-H', `unix://${socketPath}`, '--cgroup-parent', `/${group}`];
  argv.push('--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec'));
  argv.push('--pidfile', join(directory, 'pid'));
  if (listenArgs !== undefined)
    argv.push('--bridge=none', '--iptables=false', '--ip-forward=false', ...listenArgs);
  const logPath = join(directory, 'log');
  const sharesNetwork = listenArgs !== undefined;
  await startPrivateDaemon({ setup, argv, socketPath, logPath, cleanup, sharesNetwork });
  return socketPath;
}
