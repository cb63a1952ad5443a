import { describe, expect, test } from 'vitest';
import { bubblewrapArguments, type BubblewrapSpec, type MountEntry } from './bubblewrap.ts';

const spec: BubblewrapSpec = {
  path: '/usr/bin/bwrap',
  mounts: [],
  hostName: 'h',
  hasHostNetwork: false,
  capabilities: [],
  command: ['/run/sovereign/shelld', 'serve'],
};

describe('bubblewrapArguments', () => {
  test('every namespace, an empty environment, no capability; the command comes last, behind --', () => {
    const argv = bubblewrapArguments(spec);
    for (const option of [
      '--unshare-pid',
      '--unshare-ipc',
      '--unshare-uts',
      '--unshare-cgroup',
      '--unshare-net',
      '--as-pid-1',
      '--new-session',
      '--clearenv',
    ])
      expect(argv).toContain(option);
    expect(argv.slice(argv.indexOf('--cap-drop'), argv.indexOf('--cap-drop') + 2)).toEqual([
      '--cap-drop',
      'ALL',
    ]);
    expect(argv.slice(argv.indexOf('--'))).toEqual(['--', '/run/sovereign/shelld', 'serve']);
    expect(argv).not.toContain('--die-with-parent');
  });

  test('the network of the host, capabilities and a user only where they are asked for', () => {
    const argv = bubblewrapArguments({
      ...spec,
      hasHostNetwork: true,
      capabilities: ['CAP_CHOWN'],
      user: { uid: 1000, gid: 1001 },
    });
    expect(argv).not.toContain('--unshare-net');
    expect(argv.join(' ')).toContain('--cap-drop ALL --cap-add CAP_CHOWN');
    expect(argv.join(' ')).toContain('--unshare-user --uid 1000 --gid 1001');
    expect(bubblewrapArguments(spec)).not.toContain('--unshare-user');
  });

  test('mounts keep their order and their kind', () => {
    const mounts: readonly MountEntry[] = [
      { kind: 'bind', source: '/a', target: '/b' },
      { kind: 'bindIfPresent', source: '/a', target: '/b' },
      { kind: 'readOnly', source: '/a', target: '/b' },
      { kind: 'readOnlyIfPresent', source: '/a', target: '/b' },
      { kind: 'tmpfs', target: '/t' },
      { kind: 'tmpfs', target: '/t', mode: 0o1777, bytes: 5 },
      { kind: 'directory', target: '/d', mode: 0o7 },
      { kind: 'symlink', points: 'usr/bin', target: '/bin' },
      { kind: 'proc', target: '/proc' },
      { kind: 'dev', target: '/dev' },
      { kind: 'seal', target: '/' },
    ];
    const argv = bubblewrapArguments({ ...spec, mounts }).join(' ');
    expect(argv).toContain(
      '--bind /a /b --bind-try /a /b --ro-bind /a /b --ro-bind-try /a /b --tmpfs /t --perms 1777 --size 5 --tmpfs /t --perms 0007 --dir /d --symlink usr/bin /bin --proc /proc --dev /dev --remount-ro /',
    );
  });

  test('a path that looks like an option is one argument, in its place', () => {
    const argv = bubblewrapArguments({
      ...spec,
      mounts: [{ kind: 'bind', source: '--bind', target: '-- /x y\n' }],
      command: ['--', '--cap-add'],
    });
    const at = argv.indexOf('--bind');
    expect(argv.slice(at, at + 3)).toEqual(['--bind', '--bind', '-- /x y\n']);
    expect(argv.slice(-3)).toEqual(['--', '--', '--cap-add']);
  });
});
