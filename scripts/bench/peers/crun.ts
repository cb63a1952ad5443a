import { copyFileSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findShelld } from '@sovereign/guest';
import { absent, available, type Available } from '../figure.ts';
import { removeControlGroup } from './control-groups.ts';
import { builtShelld, systemLinks } from './bwrap.ts';
import { findProgram } from './find-program.ts';
import { FloorGuest, type FloorLaunch } from './floor-guest.ts';
import { hideUnifiedHierarchy } from './hybrid-cgroups.ts';

/** The command around a worker in which crun runs: a mount namespace of its own. */
export function crunWrapper(): Available<readonly [string, ...string[]]> {
  if (findProgram('crun') === undefined) return absent('crun is not installed');
  if (process.geteuid?.() !== 0) return absent('by hand it needs root');
  const shelld = builtShelld();
  if (!shelld.ok) return shelld;
  return available([
    'unshare',
    ...['--mount', '--propagation', 'private'],
    ...['sh', '-c', `${hideUnifiedHierarchy}; exec "$@"`, 'sh'],
  ]);
}

const capabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
];

/** crun by hand: an overlay, all namespaces, control groups and a config.json. To be used inside {@link crunWrapper}. */
export function crunFloor(directory: string): FloorLaunch {
  const base = join(directory, `crun-${process.pid}`);
  const lower = join(base, 'lower');
  mkdirSync(lower, { recursive: true });
  for (const name of ['usr', 'proc', 'dev', 'tmp']) mkdirSync(join(lower, name));
  for (const { target, points } of systemLinks()) symlinkSync(points, join(lower, target));
  copyFileSync(findShelld(), join(lower, 'shelld'));
  const group = `sovereign-bench-crun-${process.pid}`;
  let last = 0;
  return {
    launch: () => {
      const id = `sb${process.pid}-${(last += 1)}`;
      const bundle = join(base, id);
      for (const name of ['rootfs', 'upper', 'work']) mkdirSync(join(bundle, name), { recursive: true });
      writeFileSync(join(bundle, 'config.json'), JSON.stringify(config(`/${group}/${id}`)));
      return new FloorGuest(['sh', '-ec', script, 'sh', bundle, lower, join(base, 'state'), id]);
    },
    close: async () => {
      for (const id of readdirSync(base).filter((name) => name.startsWith('sb'))) {
        spawnSync('crun', ['--root', join(base, 'state'), 'delete', '--force', id], { stdio: 'ignore' });
        spawnSync('umount', [join(base, id, 'rootfs')], { stdio: 'ignore' });
      }
      await removeControlGroup(group);
      rmSync(base, { recursive: true, force: true });
    },
  };
}

const script = `cd "$1"
mount -t overlay overlay -o "lowerdir=$2,upperdir=upper,workdir=work" rootfs
exec crun --root "$3" --cgroup-manager cgroupfs run --bundle . "$4"`;

function config(cgroupsPath: string): object {
  const namespaces = ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type }));
  const held = { bounding: capabilities, effective: capabilities, permitted: capabilities };
  return {
    ociVersion: '1.0.0',
    process: {
      user: { uid: 0, gid: 0 },
      args: ['/shelld', 'serve', '--stdio', '--exit-on-disconnect'],
      env: ['PATH=/usr/bin:/bin'],
      cwd: '/',
      noNewPrivileges: true,
      capabilities: held,
    },
    root: { path: 'rootfs' },
    hostname: 'floor',
    mounts: [
      { destination: '/usr', type: 'bind', source: '/usr', options: ['bind', 'ro'] },
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
    ],
    linux: { cgroupsPath, namespaces },
  };
}
