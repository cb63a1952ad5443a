import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import process from 'node:process';

/**
 * Something of the host that the product or its tests use.
 *
 * @typedef {object} HostProgram
 * @property {string} name
 * @property {string} purpose What is missing without it.
 * @property {'start' | 'test'} from `start`: both commands want it; `test`: only the tests do.
 * @property {boolean} [isNeeded] Nothing works without it.
 * @property {() => boolean} isPresent
 * @property {Readonly<Partial<Record<Family, string>>>} packages Names by package manager; none where there is no such package.
 */

/** @typedef {'apt' | 'dnf' | 'pacman' | 'apk' | 'zypper' | 'brew'} Family */

/**
 * @param {string} program
 * @returns {boolean}
 */
export function isOnPath(program) {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  return directories.some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @returns {string} What it wrote, or nothing when it failed.
 */
export function ask(program, args) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return '';
  }
}

const hasStaticLibc = () => isAbsolute(ask('cc', ['-print-file-name=libc.a'])) || isOnPath('musl-gcc');

function hasFuzzerRuntime() {
  const resources = ask('clang', ['--print-resource-dir']);
  const libraries = resources === '' ? '' : join(resources, 'lib');
  if (libraries === '' || !existsSync(libraries)) return false;
  return readdirSync(libraries, { recursive: true }).some((name) =>
    name.toString().includes('libclang_rt.fuzzer'),
  );
}

function hasKernelSource() {
  if (!existsSync('/usr/src')) return false;
  return readdirSync('/usr/src').some((name) => /^linux-source-[\d.]+\.tar\.xz$/.test(name));
}

/** Debian names the runtime after the version of the compiler that `clang` stands for. */
function debianFuzzerRuntime() {
  const [, major = '14'] = /clang-(\d+)/.exec(ask('apt-cache', ['depends', 'clang'])) ?? [];
  return `libclang-rt-${major}-dev`;
}

/** @type {readonly HostProgram[]} */
const linuxPrograms = [
  {
    name: 'bubblewrap',
    purpose: 'the container tier',
    from: 'start',
    isPresent: () => isOnPath('bwrap'),
    packages: {
      apt: 'bubblewrap',
      dnf: 'bubblewrap',
      pacman: 'bubblewrap',
      apk: 'bubblewrap',
      zypper: 'bubblewrap',
    },
  },
  {
    name: 'uidmap',
    purpose: 'ranges of user ids without root',
    from: 'start',
    isPresent: () => isOnPath('newuidmap'),
    packages: {
      apt: 'uidmap',
      dnf: 'shadow-utils',
      pacman: 'shadow',
      apk: 'shadow-uidmap',
      zypper: 'shadow',
    },
  },
  {
    name: 'iproute2',
    purpose: 'bridge networks of containers',
    from: 'start',
    isPresent: () => isOnPath('ip') || existsSync('/usr/sbin/ip') || existsSync('/sbin/ip'),
    packages: { apt: 'iproute2', dnf: 'iproute', pacman: 'iproute2', apk: 'iproute2', zypper: 'iproute2' },
  },
  {
    name: 'nftables',
    purpose: 'bridge networks of containers',
    from: 'start',
    isPresent: () => isOnPath('nft') || existsSync('/usr/sbin/nft') || existsSync('/sbin/nft'),
    packages: { apt: 'nftables', dnf: 'nftables', pacman: 'nftables', apk: 'nftables', zypper: 'nftables' },
  },
  {
    name: 'e2fsprogs',
    purpose: 'volumes with a quota',
    from: 'start',
    isPresent: () =>
      ['', '/usr/sbin/', '/sbin/'].some((at) =>
        at === '' ? isOnPath('debugfs') : existsSync(`${at}debugfs`),
      ),
    packages: {
      apt: 'e2fsprogs',
      dnf: 'e2fsprogs',
      pacman: 'e2fsprogs',
      apk: 'e2fsprogs e2fsprogs-extra',
      zypper: 'e2fsprogs',
    },
  },
  {
    name: 'static libc',
    purpose: 'a guest daemon that runs in any root filesystem',
    from: 'start',
    isPresent: hasStaticLibc,
    packages: { apt: 'libc6-dev', dnf: 'glibc-static', apk: 'musl-dev', zypper: 'glibc-devel-static' },
  },
  {
    name: 'busybox',
    purpose: 'tests with a minimal root filesystem',
    from: 'test',
    isPresent: () => isOnPath('busybox'),
    packages: {
      apt: 'busybox-static',
      dnf: 'busybox',
      pacman: 'busybox',
      apk: 'busybox-static',
      zypper: 'busybox-static',
    },
  },
  {
    name: 'qemu',
    purpose: 'the microVM tier',
    from: 'test',
    isPresent: () => isOnPath('qemu-system-x86_64'),
    packages: {
      apt: 'qemu-system-x86',
      dnf: 'qemu-system-x86-core',
      pacman: 'qemu-system-x86',
      apk: 'qemu-system-x86_64',
      zypper: 'qemu-x86',
    },
  },
  {
    name: 'squashfs tools',
    purpose: 'root file systems of microVMs',
    from: 'test',
    isPresent: () => isOnPath('mksquashfs') && isOnPath('sqfstar'),
    packages: {
      apt: 'squashfs-tools',
      dnf: 'squashfs-tools',
      pacman: 'squashfs-tools',
      apk: 'squashfs-tools',
      zypper: 'squashfs',
    },
  },
  {
    name: 'kernel source',
    purpose: 'the kernel of microVMs',
    from: 'test',
    isPresent: () =>
      hasKernelSource() &&
      ['bc', 'bison', 'flex', 'xz'].every(isOnPath) &&
      existsSync('/usr/include/libelf.h'),
    packages: { apt: 'linux-source-6.1 bc bison flex libelf-dev xz-utils' },
  },
  {
    name: 'buildah',
    purpose: 'building Dockerfiles',
    from: 'test',
    isPresent: () => isOnPath('buildah'),
    packages: { apt: 'buildah', dnf: 'buildah', pacman: 'buildah', apk: 'buildah', zypper: 'buildah' },
  },
  {
    name: 'a registry of images',
    purpose: 'tests that pull',
    from: 'test',
    isPresent: () => isOnPath('docker-registry'),
    packages: { apt: 'docker-registry' },
  },
  {
    name: 'skopeo',
    purpose: 'tests that exchange images with other tools',
    from: 'test',
    isPresent: () => isOnPath('skopeo'),
    packages: { apt: 'skopeo', dnf: 'skopeo', pacman: 'skopeo', apk: 'skopeo', zypper: 'skopeo' },
  },
  {
    name: 'docker',
    purpose: 'tests of the Docker backend, on a daemon of their own',
    from: 'test',
    isPresent: () => isOnPath('dockerd'),
    packages: { apt: 'docker.io', dnf: 'moby-engine', pacman: 'docker', apk: 'docker', zypper: 'docker' },
  },
  {
    name: 'podman',
    purpose: 'the same tests on Podman',
    from: 'test',
    isPresent: () => isOnPath('podman'),
    packages: { apt: 'podman', dnf: 'podman', pacman: 'podman', apk: 'podman', zypper: 'podman' },
  },
  {
    name: 'ssh server',
    purpose: 'tests of container engines behind ssh',
    from: 'test',
    isPresent: () => isOnPath('ssh') && (isOnPath('sshd') || existsSync('/usr/sbin/sshd')),
    packages: {
      apt: 'openssh-server openssh-client',
      dnf: 'openssh-server openssh-clients',
      pacman: 'openssh',
      apk: 'openssh',
      zypper: 'openssh',
    },
  },
  {
    name: 'openssl',
    purpose: 'tests of container engines behind TLS',
    from: 'test',
    isPresent: () => isOnPath('openssl'),
    packages: { apt: 'openssl', dnf: 'openssl', pacman: 'openssl', apk: 'openssl', zypper: 'openssl' },
  },
  {
    name: 'musl',
    purpose: 'the small build of the guest daemon',
    from: 'test',
    isPresent: () => isOnPath('musl-gcc') || existsSync('/lib/ld-musl-x86_64.so.1'),
    packages: { apt: 'musl-tools', dnf: 'musl-gcc', pacman: 'musl', apk: 'musl-dev' },
  },
  {
    name: 'clang',
    purpose: 'the fuzzer',
    from: 'test',
    isPresent: () => isOnPath('clang'),
    packages: { apt: 'clang', dnf: 'clang', pacman: 'clang', apk: 'clang', zypper: 'clang' },
  },
  {
    name: 'clang runtime',
    purpose: 'the fuzzer',
    from: 'test',
    isPresent: hasFuzzerRuntime,
    packages: {
      get apt() {
        return debianFuzzerRuntime();
      },
      dnf: 'compiler-rt',
      pacman: 'compiler-rt',
      apk: 'compiler-rt',
    },
  },
];

/** @type {readonly HostProgram[]} */
const programs = [
  {
    name: 'a C compiler and make',
    purpose: 'the guest daemon',
    from: 'start',
    isNeeded: true,
    isPresent: () => isOnPath('cc') && isOnPath('make'),
    packages: {
      apt: 'gcc libc6-dev make',
      dnf: 'gcc make',
      pacman: 'gcc make',
      apk: 'build-base',
      zypper: 'gcc make',
    },
  },
  {
    name: 'python3',
    purpose: 'the action library',
    from: 'test',
    isPresent: () => isOnPath('python3'),
    packages: {
      apt: 'python3',
      dnf: 'python3',
      pacman: 'python',
      apk: 'python3',
      zypper: 'python3',
      brew: 'python',
    },
  },
  ...(process.platform === 'linux' ? linuxPrograms : []),
];

/**
 * What a goal wants and the host does not have.
 *
 * @param {'start' | 'test'} goal
 * @returns {readonly HostProgram[]}
 */
export function missingPrograms(goal) {
  return programs.filter((program) => (program.from === 'start' || goal === 'test') && !program.isPresent());
}
