import { readlinkSync, statSync } from 'node:fs';

/** Inode of one of our own namespaces, for the guest's shelld to compare with. */
function namespaceInode(kind: string): string | undefined {
  try {
    return /\[(\d+)\]/.exec(readlinkSync(`/proc/self/ns/${kind}`))?.[1];
  } catch {
    return undefined;
  }
}

const kinds = ['mnt', 'pid', 'net', 'user', 'ipc', 'uts', 'cgroup'] as const;

/** Options for shelld that say what the host's namespaces and root are, so that it can verify from inside that it has others. */
export function hostExpectations(options: { readonly hasHostNetwork: boolean }): string[] {
  const root = statSync('/');
  const argv = ['--host-root', `${root.dev}:${root.ino}`];
  for (const kind of kinds) {
    if (kind === 'net' && options.hasHostNetwork) continue;
    const inode = namespaceInode(kind);
    if (inode !== undefined) argv.push('--expect-namespace', `${kind}:${inode}`);
  }
  return argv;
}
