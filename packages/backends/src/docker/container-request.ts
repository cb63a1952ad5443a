import { formatSpecFile, type LimitSpec, type SandboxSpec, hostNameOf } from '@sovereign/core';
import {
  guestPaths,
  hostExpectations,
  imageDirectory,
  innerSocketPath,
  keptCapabilities,
  type ImageDefaults,
} from '@sovereign/guest';
import type { EngineFacts } from './engine-facts.ts';
import { formatImageDefaults } from './image-defaults.ts';
import { guestChecksPath, guestPlacePath, guestSocketPath } from './guest-place.ts';
import { containerName, labels, makerMark } from './sandbox-labels.ts';
import { bind, type EngineMount } from './workspace-binds.ts';

/** Processes of a sandbox unless its caller says otherwise: enough for a build, too little to take the host down. */
export const defaultPidsLimit = 2048;
/** Open files of one process: below the hard limit of every usual host, which an engine without CAP_SYS_RESOURCE cannot pass. */
const openFiles = 16_384;
const userProcesses = 32_768;
/** Memory file systems that a guest can fill. */
const runBytes = 16 * 1024 * 1024;
const shmBytes = 64 * 1024 * 1024;
/** A guest to which nobody has connected by then ends. */
const acceptTimeoutMs = 60_000;

/** How a guest is reached: a socket in a shared directory, or a relay that the engine starts inside. */
export type Transport = 'socket' | 'relay';

export interface ContainerRequestInit {
  readonly spec: SandboxSpec;
  readonly home: string;
  readonly imageId: string;
  readonly facts: EngineFacts;
  readonly transport: Transport;
  readonly user: { readonly uid: number; readonly gid: number };
  /** What its image says of commands. */
  readonly image: ImageDefaults;
  readonly shelldPath: string;
  /** Parent of the Python package `apts`. */
  readonly pythonPath: string | undefined;
  /** Host directory shared with the guest; only with transport `socket`. */
  readonly placePath: string;
  /** `seccomp=…` as this engine takes it. */
  readonly seccomp: readonly string[];
  /** Binds of the workspace and of the host image. */
  readonly binds: readonly EngineMount[];
  readonly volumes: readonly EngineMount[];
  /** Whoever makes it starts it at once. */
  readonly isStarted: boolean;
  /** Its image was made for it alone. */
  readonly isFork: boolean;
}

/** A request to create a container, for `POST /containers/create`. */
export type ContainerRequest = Readonly<Record<string, unknown>>;

/**
 * The whole request for a sandbox's container. Everything that holds a guest back is said, and nothing is left to what
 * an engine or its configuration has as a default.
 *
 * SAFETY: no capability but those that quilt keeps, no new privileges, our own system call profile, own namespaces, no
 * network unless asked for, bounds on processes, files and memory file systems, no socket of the host. Held by
 * container-request.test.ts, and from inside by shelld.
 */
export function containerRequest(init: ContainerRequestInit): ContainerRequest {
  const { spec } = init;
  return {
    Image: init.imageId,
    Hostname: hostNameOf(spec),
    ...userField(init),
    WorkingDir: '/',
    Entrypoint: [guestPaths.shelld],
    Cmd: shelldArguments(init),
    Env: [],
    Labels: {
      [labels.home]: init.home,
      [labels.sandbox]: spec.id,
      [labels.spec]: formatSpecFile(spec),
      [labels.defaults]: formatImageDefaults(commandDefaults(init)),
      ...(spec.name !== undefined && { [labels.name]: spec.name }),
      ...(init.isStarted && { [labels.maker]: makerMark() }),
      ...(init.isFork && { [labels.image]: 'fork' }),
    },
    Healthcheck: { Test: ['NONE'] },
    StopSignal: 'SIGTERM',
    HostConfig: {
      NetworkMode: spec.network,
      IpcMode: 'private',
      CgroupnsMode: 'private',
      Privileged: false,
      PublishAllPorts: false,
      AutoRemove: false,
      Init: false,
      RestartPolicy: { Name: 'no' },
      CapDrop: ['ALL'],
      // SAFETY: Podman lets a user who is not root use what is added: a file of root's in the workspace, with set-user-id.
      CapAdd: init.user.uid === 0 ? [...keptCapabilities] : [],
      SecurityOpt: ['no-new-privileges', ...init.seccomp],
      Ulimits: ulimits(init.facts),
      ShmSize: shmBytes,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '256k', 'max-file': '1' } },
      ...limitFields({ pids: defaultPidsLimit, ...spec.limits }),
      ...mountFields(init),
    },
  };
}

/**
 * Whom shelld runs as. Root is not named where the image means it anyway: Podman writes whoever is named into passwd and
 * group of the guest, and an engine gives whoever is named to an image that is made of the container.
 */
function userField({ user, image }: ContainerRequestInit): ContainerRequest {
  const isImplied = image.user === '' && user.uid === 0 && user.gid === 0;
  return isImplied ? {} : { User: `${user.uid}:${user.gid}` };
}

/** A shelld that is not root may become nobody else: commands are the owner of the workspace, whatever the image says. */
export function commandDefaults({
  image,
  user,
}: Pick<ContainerRequestInit, 'image' | 'user'>): ImageDefaults {
  return user.uid === 0 ? image : { ...image, user: '' };
}

/** Podman adds a limit of processes a user unless one is named, above what an engine without CAP_SYS_RESOURCE may set. */
function ulimits({ product }: EngineFacts): readonly ContainerRequest[] {
  const files = { Name: 'nofile', Soft: openFiles, Hard: openFiles };
  return product === 'Podman'
    ? [files, { Name: 'nproc', Soft: userProcesses, Hard: userProcesses }]
    : [files];
}

/** Limits in the words of the engine, also for `POST /containers/…/update`. No swap beside the memory. */
export function limitFields(limits: LimitSpec): ContainerRequest {
  return {
    ...(limits.memoryBytes !== undefined && { Memory: limits.memoryBytes, MemorySwap: limits.memoryBytes }),
    ...(limits.pids !== undefined && { PidsLimit: limits.pids }),
    ...(limits.cpus !== undefined && { CpuPeriod: 100_000, CpuQuota: Math.round(limits.cpus * 100_000) }),
  };
}

/** The same in the words of the OCI runtime specification, which Podman's own API takes. */
export function resourceFields({ memoryBytes, pids, cpus }: LimitSpec): ContainerRequest {
  return {
    ...(memoryBytes !== undefined && { memory: { limit: memoryBytes, swap: memoryBytes } }),
    ...(pids !== undefined && { pids: { limit: pids } }),
    ...(cpus !== undefined && { cpu: { period: 100_000, quota: Math.round(cpus * 100_000) } }),
  };
}

export function createPath(spec: SandboxSpec): {
  readonly path: string;
  readonly query: { readonly name: string };
} {
  return { path: '/containers/create', query: { name: containerName(spec.id) } };
}

function mountFields(init: ContainerRequestInit): ContainerRequest {
  if (init.transport === 'relay') return { Mounts: init.volumes };
  const mounts: EngineMount[] = [
    bind(init.placePath, guestPlacePath, false),
    bind(init.shelldPath, guestPaths.shelld, true),
    ...(init.pythonPath === undefined ? [] : [bind(init.pythonPath, guestPaths.python, true)]),
    ...init.binds,
    ...init.volumes,
  ];
  return { Mounts: mounts, Tmpfs: { '/run': `rw,nosuid,nodev,mode=755,size=${runBytes}` } };
}

function shelldArguments({ spec, image, facts, transport, seccomp, user }: ContainerRequestInit): string[] {
  const argv = ['serve', '--root', '/', '--hosts', guestPaths.hosts];
  const directory = imageDirectory(image);
  // SAFETY: by shelld, inside: a link of the image leads nowhere else there.
  if (directory !== undefined) argv.push('--make-directory', directory);
  argv.push('--accept-timeout-ms', String(acceptTimeoutMs));
  argv.push(...keptCapabilities.flatMap((name) => ['--keep-capability', name]));
  if (seccomp.length === 0) argv.push('--seccomp');
  if (transport === 'relay') {
    argv.push(
      '--listen-private',
      innerSocketPath,
      '--expect-own',
      'mnt',
      '--expect-own',
      'pid',
      '--expect-own',
      'ipc',
    );
    argv.push('--expect-own', 'uts', '--expect-own', 'cgroup');
    if (spec.network === 'none') argv.push('--expect-own', 'net');
    return argv;
  }
  argv.push('--listen', guestSocketPath, '--check-mounts', guestChecksPath);
  const peer = process.geteuid?.() ?? 0;
  if (peer !== 0 && peer !== user.uid && !facts.isRootless) argv.push('--peer-uid', String(peer));
  argv.push(...expectations(spec.network === 'host', facts.hasUserNamespace));
  return argv;
}

/** Without the user namespace where the engine gives none: root inside is root outside, which `uid` reports. */
function expectations(hasHostNetwork: boolean, hasUserNamespace: boolean): string[] {
  const all = hostExpectations({ hasHostNetwork });
  if (hasUserNamespace) return all;
  const at = all.findIndex((entry) => entry.startsWith('user:'));
  return at === -1 ? all : all.toSpliced(at - 1, 2);
}
