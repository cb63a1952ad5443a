import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ownedName, sweepAbandoned } from '@sovereign/core';

/**
 * What of the host's `/etc` a guest with image `host` may see: how programs find libraries, names, certificates and
 * their defaults. Nothing that names people, machines or secrets; of what is listed, only what every user may read.
 */
export const etcAllowList = [
  'alternatives',
  'bash.bashrc',
  'ca-certificates',
  'ca-certificates.conf',
  'crypto-policies',
  'debian_version',
  'fonts',
  'inputrc',
  'java-11-openjdk',
  'java-17-openjdk',
  'java-21-openjdk',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'login.defs',
  'lsb-release',
  'magic',
  'mime.types',
  'nsswitch.conf',
  'os-release',
  'perl',
  'pki',
  'profile',
  'protocols',
  'python3',
  'python3.11',
  'python3.12',
  'python3.13',
  'services',
  'shells',
  'ssl',
  'terminfo',
  'timezone',
  'vim',
] as const;

/** Directories of the root that are links into `/usr` on a merged host, and mounts of their own elsewhere. */
const usrSiblings = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'] as const;

const emptyDirectories: readonly (readonly [string, number])[] = [
  ['dev', 0o755],
  ['etc', 0o755],
  ['home', 0o755],
  ['opt', 0o755],
  ['proc', 0o755],
  ['root', 0o700],
  ['run', 0o755],
  ['tmp', 0o1777],
  ['usr', 0o755],
  ['var', 0o755],
  ['var/tmp', 0o1777],
  ['workspace', 0o755],
];

/** A directory of the host that is mounted read-only at its own path. */
export interface SystemMount {
  readonly kind: 'readOnly';
  readonly source: string;
  readonly target: string;
}

/** The root of image `host`, ready to be a lower layer or to be bound piece by piece. */
export interface HostRoot {
  /** Directory with a fresh `/etc`, empty directories and links. Never written to by a guest. */
  readonly path: string;
  /** What of the host is mounted read-only over it. `source` is a host path. */
  readonly mounts: readonly SystemMount[];
}

/**
 * Makes the root of image `host` below `directory`, or finds it there when nothing of the host's `/etc` has changed.
 * Safe to call from several processes at once.
 */
export function prepareHostRoot(directory: string): HostRoot {
  const path = join(directory, `host-${fingerprint()}`);
  if (!existsSync(path)) build(path);
  return { path, mounts: systemMounts() };
}

/** The host's read-only system directories that a guest with image `host` sees. */
function systemMounts(): HostRoot['mounts'] {
  const sources = ['/usr', '/nix/store', ...usrSiblings.map((name) => `/${name}`)];
  return sources
    .filter((source) => existsSync(source) && !lstatSync(source).isSymbolicLink())
    .map((source) => ({ kind: 'readOnly', source, target: source }));
}

function fingerprint(): string {
  const hash = createHash('sha256').update('layout 2\n');
  for (const name of [
    ...etcAllowList.map((entry) => `/etc/${entry}`),
    ...usrSiblings.map((entry) => `/${entry}`),
  ]) {
    const info = statSync(name, { throwIfNoEntry: false });
    hash.update(`${name} ${info === undefined ? '-' : `${info.ino} ${info.mtimeMs} ${info.size}`}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}

function build(path: string): void {
  sweepAbandoned(dirname(path));
  const partial = ownedName(path);
  mkdirSync(partial, { recursive: true, mode: 0o755 });
  for (const [name, mode] of emptyDirectories) {
    mkdirSync(join(partial, name), { recursive: true });
    chmodSync(join(partial, name), mode);
  }
  for (const name of usrSiblings) {
    const info = lstatSync(`/${name}`, { throwIfNoEntry: false });
    if (info?.isSymbolicLink() === true) symlinkSync(readlinkSync(`/${name}`), join(partial, name));
    else if (info?.isDirectory() === true) mkdirSync(join(partial, name));
  }
  for (const name of etcAllowList) copyReadable(`/etc/${name}`, join(partial, 'etc', name));
  writeAccounts(join(partial, 'etc'));
  try {
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(path)) throw error;
  }
}

/** SAFETY: only what every user of the host may read is copied, so a key that lies in an allowed directory stays out. */
function copyReadable(source: string, target: string): void {
  if (!existsSync(source)) return;
  cpSync(source, target, {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
    filter: (from) => {
      const info = lstatSync(from, { throwIfNoEntry: false });
      if (info === undefined) return false;
      if (info.isSymbolicLink()) return true;
      return (info.isDirectory() || info.isFile()) && (info.mode & 0o004) !== 0;
    },
  });
}

function writeAccounts(etc: string): void {
  const shell = existsSync('/usr/bin/bash') ? '/bin/bash' : '/bin/sh';
  writeFileSync(
    join(etc, 'passwd'),
    `root:x:0:0:root:/root:${shell}\n_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\nagent:x:1000:1000:agent:/home/agent:${shell}\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`,
  );
  writeFileSync(join(etc, 'group'), 'root:x:0:\ntty:x:5:\nusers:x:100:\nagent:x:1000:\nnogroup:x:65534:\n');
  writeFileSync(join(etc, 'hosts'), '127.0.0.1\tlocalhost\n::1\tlocalhost\n');
  writeFileSync(join(etc, 'resolv.conf'), '');
  writeFileSync(join(etc, 'gitconfig'), '[init]\n\tdefaultBranch = main\n[safe]\n\tdirectory = *\n');
}
