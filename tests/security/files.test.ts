import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers, type TestTier } from '../support/tiers.ts';
import { inSandbox } from './scene.ts';

/** What of the host's files a sandbox can read or change. Each refusal has a twin that works. */
for (const { tier, absence } of await probeTiers()) {
  tierTest(tier.need, absence, () => files(tier));
}

function files(tier: TestTier): void {
  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: a secret of the host is not read by any way in; the twin in the workspace is`,
    async () => {
      await inSandbox(tier, async ({ sh, hostWorkspace, hostPrivate }) => {
        const secret = `secret-${process.pid}-${Date.now()}`;
        const path = join(hostPrivate, 'secret');
        await writeFile(path, secret, { mode: 0o644 });
        await writeFile(join(hostWorkspace, 'open'), secret);
        await symlink(path, join(hostWorkspace, 'link'));
        const ways = [
          path,
          'link',
          `/proc/self/root${path}`,
          `/proc/1/root${path}`,
          `../${'../'.repeat(8)}${path}`,
          `/proc/self/cwd/../p/secret`,
        ];
        for (const way of ways) expect((await sh(`cat '${way}'`)).out, way).not.toContain(secret);
        expect((await sh(`ls ${hostPrivate} 2>/dev/null | grep -c secret`)).out.trim()).toBe('0');
        expect((await sh('cat open')).out).toBe(secret);
      });
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: homes, keys and the shadow file of the host are out of reach; /usr is readable`,
    async () => {
      await inSandbox(tier, async ({ sh }) => {
        const shadow = (await readFile('/etc/shadow', 'utf8')).trim();
        const names = await readdir('/root');
        const { out } = await sh(
          'cat /etc/shadow /etc/ssh/*key* /root/.ssh/* /root/.bash* 2>/dev/null; ls -A /root /home/* 2>/dev/null',
        );
        for (const line of shadow.split('\n')) expect(out).not.toContain(line);
        for (const name of names) expect(out.split('\n')).not.toContain(name);
        expect((await sh('test -r /usr/bin/env && echo readable')).out).toBe('readable\n');
      });
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: nothing outside the workspace changes: content, modes, times, names, links`,
    async () => {
      await inSandbox(tier, async ({ sh, hostPrivate, hostWorkspace }) => {
        const path = join(hostPrivate, 'file');
        await writeFile(path, 'kept');
        await chmod(path, 0o666);
        await utimes(path, 1_000_000, 1_000_000);
        const before = await stat(path, { bigint: true });
        await sh(
          `echo x > ${path}; echo x >> ${path}; truncate -s0 ${path}; chmod 777 ${path}; touch ${path}; chown 1:1 ${path}; mv ${path} ${path}2; rm -f ${path}; ln ${path} taken; ln -s x ${hostPrivate}/made; mkdir ${hostPrivate}/d; setfattr -n user.x -v y ${path}; echo inside > twin; chmod 640 twin`,
        );
        const after = await stat(path, { bigint: true });
        expect(await readFile(path, 'utf8')).toBe('kept');
        expect(await readdir(hostPrivate)).toEqual(['file']);
        expect([after.mode, after.mtimeNs, after.ctimeNs, after.ino, after.nlink]).toEqual([
          before.mode,
          before.mtimeNs,
          before.ctimeNs,
          before.ino,
          before.nlink,
        ]);
        expect(await readFile(join(hostWorkspace, 'twin'), 'utf8')).toBe('inside\n');
        expect((await stat(join(hostWorkspace, 'twin'))).mode & 0o777).toBe(0o640);
      });
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: system directories of the host are not written to`,
    async () => {
      await inSandbox(tier, async ({ sh }) => {
        const name = `sovereign-escape-${process.pid}-${Date.now()}`;
        const places = [
          '/usr/bin',
          '/usr/local/bin',
          '/usr/lib',
          '/etc',
          '/etc/cron.d',
          '/root',
          '/home',
          '/var/tmp',
          '/tmp',
          '/dev/shm',
          '/run',
          '/opt',
          '/mnt',
          '/boot',
          '/sys/fs/cgroup',
        ];
        await sh(`for d in ${places.join(' ')}; do echo x > $d/${name}; done 2>/dev/null; true`);
        const reached: string[] = [];
        for (const place of places) {
          const names: readonly string[] = await readdir(place).catch(() => []);
          if (!names.includes(name)) continue;
          reached.push(place);
          await rm(join(place, name));
        }
        expect(reached).toEqual([]);
        expect((await sh('f=$(mktemp) && echo fine > $f && cat $f')).out).toBe('fine\n');
      });
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: file operations do not follow links in the workspace that point outside`,
    async () => {
      await inSandbox(tier, async ({ channel, guest, hostPrivate, hostWorkspace }) => {
        const path = join(hostPrivate, 'file');
        await writeFile(path, 'kept');
        await symlink(path, join(hostWorkspace, 'link'));
        await symlink(hostPrivate, join(hostWorkspace, 'directory'));
        await symlink('/', join(hostWorkspace, 'root'));
        const inside = (name: string): string => `${guest.workspacePath}/${name}`;
        const bytes = Buffer.from('changed');
        for (const name of ['link', 'directory/file', `root${path}`]) {
          const read = async (): Promise<string> => {
            let text = '';
            for await (const piece of channel.files.read(inside(name))) text += Buffer.from(piece).toString();
            return text;
          };
          await expect(read(), name).rejects.toMatchObject({
            reason: expect.stringMatching(/^file\.(denied|not-found)$/) as string,
          });
          await channel.files.write(inside(name), bytes).catch(() => undefined);
          await channel.files.remove(inside(name)).catch(() => undefined);
          await channel.files.write(inside(`${name}-new`), bytes).catch(() => undefined);
        }
        await channel.files.makeDirectory(inside('directory/made')).catch(() => undefined);
        expect(await readFile(path, 'utf8')).toBe('kept');
        expect(await readdir(hostPrivate)).toEqual(['file']);
        await channel.files.write(inside('twin'), bytes);
        expect(await readFile(join(hostWorkspace, 'twin'), 'utf8')).toBe('changed');
      });
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: files that run later on the host are write-protected; the twin that was granted is not`,
    async () => {
      const prepare = async (workspace: string): Promise<void> => {
        await mkdir(join(workspace, '.git/hooks'), { recursive: true });
        await writeFile(join(workspace, '.git/config'), '[core]\n');
        await writeFile(join(workspace, '.git/hooks/pre-commit'), '#!/bin/sh\n', { mode: 0o755 });
      };
      const attack =
        'echo evil >> .git/config; echo evil >> .git/hooks/pre-commit; echo evil > .git/hooks/post-commit; echo fine > src';
      await inSandbox(
        tier,
        async ({ sh, hostWorkspace }) => {
          await sh(attack);
          expect(await readFile(join(hostWorkspace, '.git/config'), 'utf8')).toBe('[core]\n');
          expect(await readFile(join(hostWorkspace, '.git/hooks/pre-commit'), 'utf8')).toBe('#!/bin/sh\n');
          expect(await readdir(join(hostWorkspace, '.git/hooks'))).toEqual(['pre-commit']);
          expect(await readFile(join(hostWorkspace, 'src'), 'utf8')).toBe('fine\n');
        },
        { prepare },
      );
      await inSandboxGranted(tier, prepare);
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: moving the directory that holds them aside does not get around the protection`,
    async () => {
      const prepare = async (workspace: string): Promise<void> => {
        await mkdir(join(workspace, '.git/hooks'), { recursive: true });
        await writeFile(join(workspace, '.git/config'), '[core]\n');
      };
      await inSandbox(
        tier,
        async ({ sh, hostWorkspace }) => {
          await sh(
            'mv .git/hooks .git/h; mv .git g; mkdir -p .git/hooks; echo evil > .git/hooks/pre-push; echo evil > .git/config',
          );
          expect(await readdir(hostWorkspace)).toEqual(['.git']);
          expect(await readFile(join(hostWorkspace, '.git/config'), 'utf8')).toBe('[core]\n');
          expect(await readdir(join(hostWorkspace, '.git/hooks'))).toEqual([]);
        },
        { prepare },
      );
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: a setuid program does not gain anything; the same program runs`,
    async () => {
      await inSandbox(tier, async ({ sh, hostWorkspace }) => {
        await sh('cp /usr/bin/id mine; chmod 4755 mine; true');
        const { out } = await sh('grep -E "^(NoNewPrivs|CapEff)" /proc/self/status; ./mine -u; id -u');
        expect(out).toContain('NoNewPrivs:\t1');
        const [first, second] = out.trim().split('\n').slice(-2);
        expect(first).toBe(second);
        const made = await stat(join(hostWorkspace, 'mine'));
        expect(made.uid).toBe((await stat(hostWorkspace)).uid);
      });
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: devices are those that hurt nobody: no disk, no memory, none can be made`,
    async () => {
      await inSandbox(tier, async ({ sh, hostWorkspace }) => {
        const { out } = await sh(
          'for d in /dev/vda /dev/sda /dev/mem /dev/kmsg /dev/kvm /dev/fuse /dev/loop0; do head -c1 $d >/dev/null 2>&1 && echo "read $d"; done; mknod disk b 254 0 && head -c 512 disk | wc -c; head -c1 /dev/zero | wc -c',
        );
        expect(out).not.toContain('read');
        expect(out.trim()).toBe('1');
        const entries = await readdir(hostWorkspace, { withFileTypes: true });
        expect(entries.filter((entry) => entry.isBlockDevice())).toEqual([]);
      });
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: a hard link to a file outside that lies in the workspace is the only way in, made by the host alone`,
    async () => {
      await inSandbox(tier, async ({ sh, hostPrivate, hostWorkspace }) => {
        await writeFile(join(hostPrivate, 'file'), 'kept');
        await sh(`ln ${hostPrivate}/file hard 2>/dev/null; ln -P /usr/bin/env env 2>/dev/null; true`);
        expect(await readdir(hostWorkspace)).toEqual([]);
        await link(join(hostPrivate, 'file'), join(hostWorkspace, 'given'));
        expect((await sh('cat given')).out).toBe('kept');
      });
    },
  );
}

async function inSandboxGranted(
  tier: TestTier,
  prepare: (workspace: string) => Promise<void>,
): Promise<void> {
  const hostPath = await mkdtemp(join(tmpdir(), 'svg-'));
  try {
    await chmod(hostPath, 0o755);
    await prepare(hostPath);
    await inSandbox(
      tier,
      async ({ sh }) => {
        await sh('echo granted >> .git/hooks/pre-commit');
        expect(await readFile(join(hostPath, '.git/hooks/pre-commit'), 'utf8')).toBe('#!/bin/sh\ngranted\n');
      },
      { workspace: { hostPath, granted: ['.git/hooks', '.git/config'] } },
    );
  } finally {
    await rm(hostPath, { recursive: true, force: true });
  }
}
