/** One entry of the guest's root, in the order in which it is mounted. `seal` makes what is mounted there read-only from then on. */
export type MountEntry =
  | {
      readonly kind: 'bind' | 'bindIfPresent' | 'deviceIfPresent' | 'readOnly' | 'readOnlyIfPresent';
      readonly source: string;
      readonly target: string;
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly mode?: number; readonly bytes?: number }
  | { readonly kind: 'directory'; readonly target: string; readonly mode?: number }
  | { readonly kind: 'symlink'; readonly points: string; readonly target: string }
  | { readonly kind: 'proc' | 'dev' | 'seal'; readonly target: string }
  /** An empty file of the guest's own, which nothing of the image or the host shares: its hosts file. */
  | { readonly kind: 'ownFile'; readonly target: string };

/** What bubblewrap is to make of a guest. */
export interface BubblewrapSpec {
  readonly path: string;
  readonly mounts: readonly MountEntry[];
  readonly hostName: string;
  /** Keeps the host's network when true. */
  readonly hasHostNetwork: boolean;
  /** Capabilities that the guest's root keeps, in its own user namespace. */
  readonly capabilities: readonly string[];
  /** Ids of commands inside, by one more user namespace. Default: root. */
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly command: readonly string[];
}

/** Namespaces that a guest always gets; the network's is asked for apart, the user's is made by `shelld launch`. */
const namespaces = ['pid', 'ipc', 'uts', 'cgroup'] as const;

/** The argv of bubblewrap for a guest whose pid is reported on descriptor 4 and whose shelld is PID 1. */
export function bubblewrapArguments(spec: BubblewrapSpec): string[] {
  const argv = [spec.path, '--json-status-fd', '4', '--as-pid-1', '--new-session'];
  for (const namespace of namespaces) argv.push(`--unshare-${namespace}`);
  if (!spec.hasHostNetwork) argv.push('--unshare-net');
  if (spec.user !== undefined) {
    argv.push('--unshare-user', '--uid', String(spec.user.uid), '--gid', String(spec.user.gid));
  }
  argv.push('--hostname', spec.hostName);
  for (const mount of spec.mounts) argv.push(...mountArguments(mount));
  argv.push('--cap-drop', 'ALL');
  for (const capability of spec.capabilities) argv.push('--cap-add', capability);
  argv.push('--clearenv', '--chdir', '/', '--', ...spec.command);
  return argv;
}

function mountArguments(mount: MountEntry): string[] {
  switch (mount.kind) {
    case 'bind':
      return ['--bind', mount.source, mount.target];
    case 'bindIfPresent':
      return ['--bind-try', mount.source, mount.target];
    case 'deviceIfPresent':
      return ['--dev-bind-try', mount.source, mount.target];
    case 'readOnly':
      return ['--ro-bind', mount.source, mount.target];
    case 'readOnlyIfPresent':
      return ['--ro-bind-try', mount.source, mount.target];
    case 'tmpfs': {
      const size = mount.bytes === undefined ? [] : ['--size', String(mount.bytes)];
      return [...permissions(mount.mode), ...size, '--tmpfs', mount.target];
    }
    case 'directory':
      return [...permissions(mount.mode), '--dir', mount.target];
    case 'symlink':
      return ['--symlink', mount.points, mount.target];
    case 'proc':
      return ['--proc', mount.target];
    case 'dev':
      return ['--dev', mount.target];
    case 'ownFile':
      // Descriptor 0 of the launcher is /dev/null.
      return [...permissions(0o644), '--bind-data', '0', mount.target];
    case 'seal':
      return ['--remount-ro', mount.target];
  }
}

function permissions(mode: number | undefined): string[] {
  return mode === undefined ? [] : ['--perms', mode.toString(8).padStart(4, '0')];
}
