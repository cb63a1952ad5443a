import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { reviewing, stampsOf } from './review-scene.ts';
import { all } from './scene.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, reviews);

function reviews(): void {
  verifies(
    'R-NEW-8',
    'the host sees nothing of what is written until it is applied, and then what was chosen',
    async () => {
      await reviewing(async ({ scene, guest, review, at, listed }) => {
        const script = `cd /workspace && echo new > made && echo more >> kept && rm gone && rm -r tree && mkdir -p src/deep &&
        echo code > src/deep/file && ln -s ../kept src/link && chmod 755 kept && cat kept`;
        expect((await scene.sh(guest, script)).out).toBe('kept\nmore\n');
        const before = ['made', 'src'].filter((name) => existsSync(at(name)));
        expect(before).toEqual([]);
        expect(readFileSync(at('kept'), 'utf8')).toBe('kept\n');
        expect(await listed()).toEqual([
          'removed gone',
          'modified kept',
          'added made',
          'added src',
          'added src/deep',
          'added src/deep/file',
          'added src/link',
          'removed tree',
        ]);
        expect(await review.apply(guest.id, { paths: [] })).toEqual({ changes: [], step: null });
        const { changes: applied } = await review.apply(guest.id, { paths: ['src', 'gone'] });
        expect(applied.map(({ path }) => path)).toEqual([
          'gone',
          'src',
          'src/deep',
          'src/deep/file',
          'src/link',
        ]);
        expect(readFileSync(at('src/deep/file'), 'utf8')).toBe('code\n');
        expect(readlinkSync(at('src/link'))).toBe('../kept');
        expect([existsSync(at('gone')), existsSync(at('made')), existsSync(at('tree/leaf'))]).toEqual([
          false,
          false,
          true,
        ]);
        expect(lstatSync(at('src/deep/file')).uid).toBe(lstatSync(scene.workspace).uid);
        expect(await listed()).toEqual(['modified kept', 'added made', 'removed tree']);
        await review.apply(guest.id, { paths: ['.'] });
        expect(readFileSync(at('kept'), 'utf8')).toBe('kept\nmore\n');
        expect(lstatSync(at('kept')).mode & 0o777).toBe(0o755);
        expect((await readdir(scene.workspace)).sort()).toEqual(['kept', 'made', 'src']);
        expect(await listed()).toEqual([]);
        expect(await guest.status()).toBe('running');
        await guest.stop({ graceMs: 0 });
        await guest.start();
        expect((await scene.sh(guest, 'cd /workspace && cat made src/deep/file && ls tree')).out).toBe(
          'new\ncode\n',
        );
      });
    },
  );

  verifies(
    'R-NEW-8',
    'what would run later on the host is refused unless granted, and nothing is applied with it',
    async () => {
      await reviewing(async ({ scene, guest, review, at }) => {
        await scene.sh(
          guest,
          'cd /workspace && mkdir -p .git/hooks && echo evil > .git/hooks/pre-commit && echo a > a && echo x > .envrc',
        );
        const changes = await all(review.changes(guest.id));
        const shields = changes
          .filter(({ shield }) => shield !== null)
          .map(({ path, shield }) => [path, shield]);
        expect(shields).toEqual([
          ['.envrc', '.envrc'],
          ['.git/hooks', '.git/hooks'],
          ['.git/hooks/pre-commit', '.git/hooks'],
        ]);
        await expect(review.apply(guest.id, { paths: ['.'] })).rejects.toMatchObject({
          reason: 'review.refused',
          context: { grant: '.envrc' },
        });
        expect([existsSync(at('a')), existsSync(at('.git'))]).toEqual([false, false]);
        await review.apply(guest.id, { paths: ['a'] });
        expect(readFileSync(at('a'), 'utf8')).toBe('a\n');
        await review.apply(guest.id, { paths: ['.git'], granted: ['.git/hooks'] });
        expect(readFileSync(at('.git/hooks/pre-commit'), 'utf8')).toBe('evil\n');
      });
    },
  );

  verifies('R-NEW-8', 'no link that the guest made leads an application out of the workspace', async () => {
    await reviewing(async ({ scene, guest, review, at }) => {
      const outside = join(scene.root, 'outside');
      await mkdir(outside);
      await writeFile(join(outside, 'file'), 'mine');
      const lead = async (script: string, path: string): Promise<void> => {
        expect((await scene.sh(guest, `cd /workspace && ${script}`)).code).toBe(0);
        await expect(review.apply(guest.id, { paths: [path] }), script).rejects.toMatchObject({
          reason: 'review.refused',
        });
        expect(lstatSync(at(path), { throwIfNoEntry: false }), script).toBeUndefined();
      };
      await lead(`ln -s ${outside} absolute`, 'absolute');
      await lead('ln -s ../outside upwards', 'upwards');
      await lead('mkdir -p d && ln -s ../x/../../outside d/winding', 'd/winding');
      await lead('mkfifo pipe', 'pipe');
      // A directory of the layer where the host has a link: what is below must not go through it.
      await symlink(outside, at('place'));
      await scene.sh(guest, 'cd /workspace && rm place && mkdir place && echo evil > place/file');
      await expect(review.apply(guest.id, { paths: ['place/file'] })).rejects.toMatchObject({
        reason: 'review.refused',
      });
      expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('mine');
      // As a whole the link is replaced, and what it led to stays.
      await review.apply(guest.id, { paths: ['place'] });
      expect(lstatSync(at('place')).isDirectory()).toBe(true);
      expect(readFileSync(at('place/file'), 'utf8')).toBe('evil\n');
      expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('mine');
      expect(await readdir(outside)).toEqual(['file']);
    });
  });

  verifies('R-NEW-8', 'what is not what was reviewed any more is refused; setuid does not pass', async () => {
    await reviewing(async ({ scene, guest, review, at }) => {
      await scene.sh(guest, 'cd /workspace && echo good > file && echo quiet > other && chmod 4755 other');
      const stamps = stampsOf(await all(review.changes(guest.id)));
      await scene.sh(guest, 'cd /workspace && echo evil > file && touch -d @1 file');
      await expect(review.apply(guest.id, { paths: ['file'], stamps })).rejects.toMatchObject({
        reason: 'review.changed',
      });
      await scene.sh(guest, 'cd /workspace && echo late > late');
      await expect(review.apply(guest.id, { paths: ['late'], stamps })).rejects.toMatchObject({
        reason: 'review.changed',
      });
      expect([existsSync(at('file')), existsSync(at('late'))]).toEqual([false, false]);
      await review.apply(guest.id, { paths: ['other'], stamps });
      expect(lstatSync(at('other')).mode & 0o7777).toBe(0o755);
      const plain = await scene.create({ workspace: { hostPath: scene.workspace } });
      await expect(review.apply(plain.id, { paths: ['.'] })).rejects.toMatchObject({
        reason: 'argument.invalid',
      });
    });
  });
}
