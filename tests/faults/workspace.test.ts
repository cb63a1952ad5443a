import { chmod, chown, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { eventually, skipOrFail, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { FaultScene } from './support.ts';

for (const { tier, absence } of await probeTiers(['process', 'quilt'])) {
  tierTest(tier.name, absence, () => workspaces(tier.name as 'process' | 'quilt'));
}

function workspaces(tier: 'process' | 'quilt'): void {
  verifies(
    'R-TIER-1',
    `${tier}: what may not be a workspace is refused before anything is made; its twin works`,
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        const link = async (name: string, target: string): Promise<string> => {
          await symlink(target, scene.path(name));
          return scene.path(name);
        };
        await writeFile(scene.path('file'), '');
        const open = scene.path('open');
        await mkdir(open);
        await chmod(open, 0o777);
        const refused = [
          '/',
          '/etc',
          '/etc/ssl',
          '/usr',
          '/usr/local',
          '/var',
          '/proc',
          '/proc/self/root',
          '/sys',
          '/dev',
          '/dev/shm',
          '/run',
          '/tmp',
          '/home',
          '/root',
          '/boot',
          homedir(),
          join(homedir(), '..'),
          join(homedir(), '.ssh'),
          '//',
          '/tmp/..',
          '/./',
          `${scene.workspace}/../../..`,
          scene.path('absent'),
          scene.path('file'),
          'relative',
          '',
          `${scene.workspace}\0`,
          open,
          scene.home,
          join(scene.home, 'state'),
          scene.path(),
          await link('to-root', '/'),
          await link('to-etc', '/etc'),
          await link('to-home', homedir()),
          await link('to-itself', 'to-itself'),
          await link('to-nothing', '/not/there'),
        ];
        for (const workspace of refused) {
          const failing = client.create({ tier, workspace });
          await expect(failing, JSON.stringify(workspace)).rejects.toMatchObject({
            reason: expect.stringMatching(/^(workspace\.refused|argument\.invalid)$/),
          });
        }
        expect((await client.list()).sandboxes).toEqual([]);
        const twin = await client.create({ tier, workspace: await link('to-workspace', scene.workspace) });
        expect(await twin.exec({ command: 'touch', args: ['made'] })).toMatchObject({ exitCode: 0 });
        expect(await readdir(scene.workspace)).toEqual(['made']);
      });
    },
  );

  verifies(
    'R-TIER-1',
    `${tier}: the directory of another user is refused; with the user's word it is theirs inside too`,
    async (context) => {
      if (process.getuid?.() !== 0) skipOrFail(context, 'root', 'giving a directory away takes root');
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        await chown(scene.workspace, 12_345, 12_345);
        await expect(client.create({ tier, workspace: scene.workspace })).rejects.toMatchObject({
          reason: 'workspace.refused',
        });
        const granted = await client.create({
          tier,
          workspace: { path: scene.workspace, allowOtherOwner: true },
        });
        expect(await granted.exec({ command: 'touch', args: ['made'] })).toMatchObject({ exitCode: 0 });
        const { stat } = await import('node:fs/promises');
        expect((await stat(join(scene.workspace, 'made'))).uid).toBe(12_345);
      });
    },
  );

  verifies('R-TIER-1', `${tier}: names of a workspace are names, whatever is in them`, async () => {
    await FaultScene.play(async (scene) => {
      const client = await scene.client();
      const names = [
        'with space',
        'a=b',
        'a:b',
        'a,b',
        'tab\there',
        'new\nline',
        'quo\'te"s',
        'back\\slash',
        '$(id)',
        '-rf',
        '--bind',
        'ünïcödé 日本語',
        '\u202eevil',
        '%s%n',
        'long'.repeat(60),
      ];
      for (const name of names) {
        const path = scene.path('names', name);
        await mkdir(path, { recursive: true });
        const sandbox = await client.create({ tier, workspace: path });
        await sandbox.files.write('made', 'inside');
        const seen = await sandbox.exec({ command: 'sh', args: ['-c', 'cat made; pwd'] });
        expect(seen, JSON.stringify(name)).toMatchObject({ exitCode: 0 });
        if (tier === 'process') expect(seen.stdoutText).toBe(`inside${path}\n`);
        expect(await readFile(join(path, 'made'), 'utf8')).toBe('inside');
        await sandbox.remove();
      }
      const deep = scene.path(...Array.from({ length: 19 }, () => 'd'.repeat(200)));
      await mkdir(deep, { recursive: true });
      const outcome = await client.create({ tier, workspace: deep }).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toMatchObject({ name: 'SovereignError' });
      else await (outcome as Awaited<ReturnType<typeof client.create>>).files.write('made', 'deep');
    });
  });

  verifies(
    'R-TIER-1',
    `${tier}: what is shielded in a workspace cannot be moved away, replaced or rebuilt; what is not can`,
    async () => {
      await FaultScene.play(async (scene) => {
        const at = (...names: readonly string[]): string => join(scene.workspace, ...names);
        await mkdir(at('.git', 'hooks'), { recursive: true });
        await writeFile(at('.git', 'config'), '[core]\n');
        await writeFile(at('.git', 'hooks', 'pre-commit'), 'sound\n');
        await mkdir(at('.vscode'));
        await writeFile(at('.vscode', 'tasks.json'), '{}');
        await writeFile(at('.envrc'), 'sound\n');
        const sandbox = await scene.create({ tier, workspace: scene.workspace });
        const attacks = [
          'mv .git g',
          'mv .git/hooks .git/h',
          'rm -rf .git',
          'rm -rf .git/hooks',
          'cp -r .git new && mv -T new .git',
          'ln -sfn /tmp .git',
          'mv .vscode v',
          'rm -rf .vscode .envrc',
          'mv .envrc e',
          'echo evil > new; mv -f new .envrc',
          'ln -f .envrc hard && echo evil > hard',
          'ln -f .git/config hard2 && echo evil > hard2',
          'echo evil > .git/hooks/post-commit',
          'echo evil > .git/config.lock; mv .git/config.lock .git/config',
          'python3 -c \'import ctypes; c=ctypes.CDLL(None); print(c.syscall(316, -100, b".git", -100, b"src", 2))\'',
          'mount --bind /tmp .git',
          'umount .git/hooks',
          'umount -l .git',
          'chmod 777 .git/hooks',
          'touch -d 1999-01-01 .envrc',
        ];
        await sandbox.exec({ command: 'mkdir', args: ['src'] });
        for (const attack of attacks) await sandbox.exec({ command: 'sh', args: ['-c', attack] });
        expect(await readFile(at('.git', 'config'), 'utf8')).toBe('[core]\n');
        expect(await readdir(at('.git', 'hooks'))).toEqual(['pre-commit']);
        expect(await readFile(at('.git', 'hooks', 'pre-commit'), 'utf8')).toBe('sound\n');
        expect(await readFile(at('.vscode', 'tasks.json'), 'utf8')).toBe('{}');
        expect(await readFile(at('.envrc'), 'utf8')).toBe('sound\n');
        // Twins: git can work, and what is not shielded is the guest's.
        const work = await sandbox.exec({
          command: 'sh',
          args: [
            '-c',
            'echo x > .git/index.lock && mv .git/index.lock .git/index && mv src lib && echo y > lib/file',
          ],
        });
        expect(work).toMatchObject({ exitCode: 0 });
        expect(await readFile(at('lib', 'file'), 'utf8')).toBe('y\n');
      });
    },
  );

  verifies(
    'R-TIER-1',
    `${tier}: a .git that is a file, as in a worktree, cannot be made to point elsewhere`,
    async () => {
      await FaultScene.play(async (scene) => {
        const path = join(scene.workspace, '.git');
        await writeFile(path, 'gitdir: /elsewhere\n');
        const sandbox = await scene.create({ tier, workspace: scene.workspace });
        await sandbox.commands.run(
          'echo "gitdir: $PWD/evil" > .git; rm -f .git; mv .git g; echo evil > new; mv -f new .git; echo fine > twin',
        );
        expect(await readFile(path, 'utf8')).toBe('gitdir: /elsewhere\n');
        expect(await readFile(join(scene.workspace, 'twin'), 'utf8')).toBe('fine\n');
      });
    },
  );

  verifies(
    'R-TIER-1',
    `${tier}: a guest that swaps shielded paths with links while another comes up changes nothing outside`,
    { timeoutMs: 120_000 },
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        const victim = scene.path('victim');
        await mkdir(victim);
        await chmod(victim, 0o777);
        await writeFile(join(victim, 'kept'), 'kept');
        await chmod(join(victim, 'kept'), 0o666);
        // The attacker comes up first, so that nothing is shielded from it.
        const attacker = await client.create({ tier, workspace: scene.workspace });
        const targets = [victim, `/oldroot${victim}`, '/etc', '../../../../../etc', '/proc/1/root', '/tmp'];
        const script = `
        while :; do for t in ${targets.join(' ')}; do
          rm -rf .git .vscode; mkdir -p .git/hooks .vscode; echo real > .git/config
          mv .git held; ln -s $t .git; rm -rf .vscode; ln -s $t .vscode; rm .git; mv held .git
          rm -rf .git/hooks; ln -s $t .git/hooks; ln -sf $t .envrc; rm -f .git/config; ln -s $t/kept .git/config
        done; done`;
        const attack = await attacker.spawn({ command: 'sh', args: ['-c', script] });
        attack.exit.catch(() => undefined);
        const drain = (async () => {
          let bytes = 0;
          for await (const { data } of attack) bytes += data.length;
          return bytes;
        })().catch(() => undefined);
        let ups = 0;
        for (let index = 0; index < 25; index++) {
          const outcome = await client
            .create({ tier, workspace: scene.workspace })
            .catch((error: unknown) => error as Error);
          if (outcome instanceof Error) {
            expect(outcome).toMatchObject({
              name: 'SovereignError',
              reason: expect.not.stringMatching(/internal|remove-failed/),
            });
            continue;
          }
          ups++;
          await outcome.commands.run(
            `echo evil > .git/hooks/evil; echo evil > .vscode/evil; echo evil > .git/config; cat .git/config .vscode/passwd .git/hooks/passwd; true`,
          );
          await outcome.remove();
        }
        expect(ups).toBeGreaterThan(0);
        await attacker.remove();
        await drain;
        expect(await readdir(victim)).toEqual(['kept']);
        expect(await readFile(join(victim, 'kept'), 'utf8')).toBe('kept');
        expect((await readdir('/etc')).filter((name) => ['evil', 'hooks'].includes(name))).toEqual([]);
        expect((await readdir('/tmp')).filter((name) => ['evil', 'hooks'].includes(name))).toEqual([]);
      });
    },
  );

  verifies(
    'R-TIER-1',
    `${tier}: a workspace that is swapped with a link after it was chosen is not followed out of what is allowed`,
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        const secret = scene.path('secret');
        await mkdir(secret);
        await writeFile(join(secret, 'file'), 'secret');
        const sandbox = await client.create({ tier, workspace: scene.workspace });
        await rename(scene.workspace, scene.path('moved'));
        await symlink(secret, scene.workspace);
        await sandbox.commands.run('echo evil > file; cat file');
        expect(await readFile(join(secret, 'file'), 'utf8')).toBe('secret');
        await eventually('it wrote where it was', async () =>
          (await readdir(scene.path('moved'))).includes('file'),
        );
        await rm(scene.workspace);
        await rename(scene.path('moved'), scene.workspace);
      });
    },
  );
}
