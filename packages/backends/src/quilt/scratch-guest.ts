import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type GuestChannel, isAlive, type SandboxSpec, signalProcess, until } from '@sovereign/core';
import {
  connectGuestChannel,
  connectUnixSocket,
  ownedName,
  sweepAbandoned,
  type LaunchedGuest,
  type LaunchHelper,
  type MountEntry,
  stagedPath,
  type StagedPath,
} from '@sovereign/guest';
import { guestRoot, type GuestRoot, type ImageRoot } from './guest-root.ts';
import { launchQuilt, makeSocketDirectory } from './quilt-launch.ts';

/** How long the kernel may take to end a killed guest. */
const killTimeoutMs = 10_000;

export interface ScratchOptions {
  readonly helper: LaunchHelper;
  readonly shelldPath: string;
  readonly imageDirectory: string;
  readonly runtimeDirectory: string;
  readonly staged?: readonly StagedPath[];
  /** Staged so that its owner is root inside. */
  readonly workspace?: StagedPath;
  readonly mounts?: readonly MountEntry[];
  /** Root of its image. Default: that of image `host`. */
  readonly imageRoot?: ImageRoot;
  /** The root of another image, below staged layers (topmost first), to be looked at read-only. */
  readonly exhibit?: {
    readonly imageRoot: ImageRoot;
    readonly above: readonly string[];
    readonly target: string;
  };
  /** Capabilities beside those of every guest. Default: none. */
  readonly capabilities?: readonly string[];
  /** System calls are not filtered: for what makes namespaces and mounts of its own. Default false. */
  readonly isUnfiltered?: boolean;
  /** It has the network of the host. Default false: none. */
  readonly hasNetwork?: boolean;
}

/** A scratch guest that is up. */
export interface ScratchGuest {
  readonly channel: GuestChannel;
  /** Ends it, and deletes what there is of it. */
  close(): Promise<void>;
}

/**
 * Runs `work` in a quilt guest of image `host` that nobody else sees: not listed, without workspace, network or limits,
 * gone when the work is done. For what must not happen on the host: unpacking archives, finding out what works here.
 */
export async function withScratchGuest<T>(
  options: ScratchOptions,
  work: (channel: GuestChannel) => Promise<T>,
): Promise<T> {
  const guest = await openScratchGuest(options);
  try {
    const result = await work(guest.channel);
    await guest.channel.close();
    return result;
  } finally {
    await guest.close();
  }
}

/** The same for work that is no single call, such as a stream: whoever opens it closes it, whatever happens. */
export async function openScratchGuest(options: ScratchOptions): Promise<ScratchGuest> {
  makeSocketDirectory(options.runtimeDirectory);
  mkdirSync(options.imageDirectory, { recursive: true, mode: 0o755 });
  for (const path of [options.imageDirectory, options.runtimeDirectory]) sweepAbandoned(path);
  const name = ownedName('scratch');
  const directory = join(options.imageDirectory, name);
  const socketPath = join(options.runtimeDirectory, name);
  let launched: LaunchedGuest | undefined;
  const close = async (): Promise<void> => {
    const identity = launched?.identity;
    if (identity !== undefined) {
      signalProcess(identity, 'SIGKILL');
      await until(() => !isAlive(identity), killTimeoutMs);
    }
    rmSync(socketPath, { force: true });
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    mkdirSync(join(directory, 'layer', 'upper'), { recursive: true });
    mkdirSync(join(directory, 'layer', 'work'));
    const spec = scratchSpec(options.hasNetwork === true);
    launched = await launchQuilt({
      helper: options.helper,
      shelldPath: options.shelldPath,
      spec,
      root: scratchRoot(spec, options, join(directory, 'layer')),
      ...(options.mounts === undefined ? {} : { extraMounts: options.mounts }),
      ...(options.capabilities === undefined ? {} : { extraCapabilities: options.capabilities }),
      ...(options.isUnfiltered === true && { isUnfiltered: true }),
      socketPath,
      consolePath: join(directory, 'console.log'),
      cgroups: [],
      isTransient: true,
    });
    return { channel: connectGuestChannel(await connectUnixSocket(socketPath)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function scratchRoot(spec: SandboxSpec, options: ScratchOptions, layerPath: string): GuestRoot {
  const root = guestRoot(spec, {
    imageDirectory: options.imageDirectory,
    imageRoot: options.imageRoot,
    layerPath,
    shelldPath: options.shelldPath,
    pythonPath: undefined,
  });
  const { exhibit, staged = [], workspace } = options;
  return {
    ...root,
    ...(exhibit && exhibited(root, exhibit)),
    shifted: [
      ...root.shifted,
      ...staged,
      ...(exhibit === undefined ? [] : [{ source: exhibit.imageRoot.source, name: 'exhibit' }]),
    ],
    workspace: { ...root.workspace, ...(workspace && { workspace }) },
  };
}

/** The one overlay of a launch is what is looked at; the root is the fresh one of image `host`, read-only. */
function exhibited(
  root: GuestRoot,
  exhibit: NonNullable<ScratchOptions['exhibit']>,
): Pick<GuestRoot, 'lower' | 'mounts'> {
  const [, ...mounts] = root.mounts;
  return {
    lower: [
      ...exhibit.above,
      ...(exhibit.imageRoot.layers?.map((layer) => `exhibit/${layer}`) ?? ['exhibit']),
    ],
    mounts: [
      { kind: 'readOnly', source: stagedPath('lower'), target: '/' },
      ...mounts,
      { kind: 'tmpfs', target: '/tmp', mode: 0o1777 },
      { kind: 'readOnly', source: stagedPath('root'), target: exhibit.target },
    ],
  };
}

function scratchSpec(hasNetwork: boolean): SandboxSpec {
  const spec: Omit<SandboxSpec, 'id'> = {
    image: { kind: 'host' },
    env: {},
    limits: {},
    network: hasNetwork ? 'host' : 'none',
    isInsecure: false,
    labels: {},
    createdMs: 0,
  };
  return { ...spec, id: 'sbx_scratch00000' as SandboxSpec['id'] };
}

/** Whether the kernel knows a file system. */
export function knowsFileSystem(name: string): boolean {
  return readFileSync('/proc/filesystems', 'utf8')
    .split('\n')
    .some((line) => line.endsWith(`\t${name}`));
}
