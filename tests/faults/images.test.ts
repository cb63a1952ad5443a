import { gzipSync } from 'node:zlib';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { beforeAll, expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { FaultScene } from './support.ts';

interface Entry {
  readonly name: string;
  /** One character of ustar: 0 file, 1 hard link, 2 symbolic link, 3 character device, 4 block device, 5 directory, 6 fifo. */
  readonly type?: string;
  readonly link?: string;
  readonly content?: string;
  readonly mode?: number;
}

/** A tar archive by hand: no tool would write these. */
function tar(entries: readonly Entry[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { name, type = '0', link = '', content = '', mode = 0o755 } of entries) {
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
    header.write('0000000\0', 108);
    header.write('0000000\0', 116);
    header.write(`${Buffer.byteLength(content).toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write('        ', 148);
    header.write(type, 156);
    header.write(link, 157, 100);
    header.write('ustar\x0000', 257);
    if (type === '3' || type === '4') header.write('0000001\x000000003\0', 329);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    blocks.push(header, Buffer.from(content), Buffer.alloc((512 - (Buffer.byteLength(content) % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const root: readonly Entry[] = [
  { name: 'usr/', type: '5' },
  { name: 'usr/bin/', type: '5' },
  { name: 'bin', type: '2', link: 'usr/bin' },
  { name: 'etc/', type: '5' },
  { name: 'etc/passwd', content: 'root:x:0:0::/:/bin/sh\n', mode: 0o644 },
];

let busybox = '';
beforeAll(async () => {
  const found = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));
  busybox = found === undefined ? '' : (await readFile(found)).toString('latin1');
});

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, images);

function images(): void {
  /** Tries an image in a scene with a directory beside it that nothing may change; returns what came of it. */
  const attempt = async (
    archive: (victim: string) => Buffer,
    act?: (
      outcome: { readonly reason?: string; readonly message: string },
      scene: FaultScene,
    ) => Promise<void> | void,
  ): Promise<void> => {
    await FaultScene.play(async (scene) => {
      const victim = scene.path('victim');
      await mkdir(victim);
      // Whoever the guest is on the host: it could write there if it got there.
      await chmod(victim, 0o777);
      await writeFile(join(victim, 'kept'), 'kept');
      const path = scene.path('image.tar');
      await writeFile(path, archive(victim));
      const client = await scene.client();
      const outcome = await client.create({ tier: 'quilt', image: { kind: 'tar', path } }).then(
        async (sandbox) => {
          await sandbox.remove();
          return { message: 'created' };
        },
        (error: unknown) => error as { readonly reason: string; readonly message: string },
      );
      expect(await readdir(victim)).toEqual(['kept']);
      expect(await readFile(join(victim, 'kept'), 'utf8')).toBe('kept');
      expect(existsSync('/sovereign-evil')).toBe(false);
      expect(existsSync('/tmp/sovereign-evil')).toBe(false);
      expect(await scene.leftInState()).toEqual([]);
      await act?.(outcome, scene);
    });
  };
  const refused = (outcome: { readonly reason?: string; readonly message: string }): void => {
    expect(outcome).toMatchObject({ reason: 'image.invalid' });
    expect(outcome.message).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
  };

  verifies(
    'R-TIER-3',
    'an archive that is sound comes up; its twins that are truncated, corrupt, empty or no archive are refused',
    async (context) => {
      if (busybox === '') context.skip('needs busybox: it is what the sound image is made of');
      const sound = Buffer.concat([
        tar([...root, { name: 'usr/bin/sh', content: busybox.slice(0, 0) }]).subarray(0, -1024 - 512),
        binaryEntry('usr/bin/busybox', Buffer.from(busybox, 'latin1')),
        tar([{ name: 'usr/bin/sh', type: '2', link: 'busybox' }]),
      ]);
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        for (const bytes of [sound, gzipSync(sound)]) {
          const path = scene.path('image.tar');
          await writeFile(path, bytes);
          const sandbox = await client.create({ tier: 'quilt', image: { kind: 'tar', path } });
          expect((await sandbox.exec({ command: 'sh', args: ['-c', 'echo up'] })).stdoutText).toBe('up\n');
          await sandbox.remove();
        }
      });
      const gzipped = gzipSync(sound);
      for (const bytes of [
        sound.subarray(0, sound.length >> 1),
        gzipped.subarray(0, gzipped.length >> 1),
        Buffer.alloc(0),
        Buffer.from('rubbish'),
        Buffer.alloc(1_048_576, 0xa5),
        Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(100_000, 7)]),
      ]) {
        await attempt(() => bytes, refused);
      }
    },
  );

  const hostile: Readonly<Record<string, (victim: string) => readonly Entry[]>> = {
    'climbs by ..': () => [
      ...root,
      { name: '../../../../../../../../tmp/sovereign-evil', content: 'evil' },
      { name: 'usr/../../sovereign-evil', content: 'evil' },
    ],
    'names absolute paths': (victim) => [
      ...root,
      { name: '/tmp/sovereign-evil', content: 'evil' },
      { name: `${victim}/evil`, content: 'evil' },
    ],
    'writes through a link': (victim) => [
      ...root,
      { name: 'out', type: '2', link: victim },
      { name: 'out/sovereign-evil', content: 'evil' },
    ],
    'writes through a link to the parent': () => [
      ...root,
      { name: 'up', type: '2', link: '../../../../../..' },
      { name: 'up/sovereign-evil', content: 'evil' },
      { name: 'up/tmp/sovereign-evil', content: 'evil' },
    ],
    'replaces a directory by a link': (victim) => [
      ...root,
      { name: 'd/', type: '5' },
      { name: 'd', type: '2', link: victim },
      { name: 'd/sovereign-evil', content: 'evil' },
    ],
    'links hard to the outside': () => [
      ...root,
      { name: 'shadow', type: '1', link: '/etc/shadow' },
      { name: 'h', type: '1', link: '../../../../etc/shadow' },
    ],
    'links hard through a link': () => [
      ...root,
      { name: 'e', type: '2', link: '/etc' },
      { name: 'shadow', type: '1', link: 'e/shadow' },
    ],
    'holds devices and pipes': () => [
      ...root,
      { name: 'mem', type: '3' },
      { name: 'disk', type: '4' },
      { name: 'pipe', type: '6' },
    ],
    'has setuid programs': () => [...root, { name: 'usr/bin/su', content: '#!/bin/sh\n', mode: 0o4755 }],
    'has no shell, no programs': () => [
      { name: 'etc/', type: '5' },
      { name: 'etc/passwd', content: '' },
    ],
    'puts links where we mount': () => [
      { name: 'usr/', type: '5' },
      { name: 'usr/bin/', type: '5' },
      ...['run', 'proc', 'dev', 'workspace', 'tmp'].map((name) => ({
        name,
        type: '2',
        link: '/oldroot/tmp/sovereign-evil',
      })),
    ],
    'puts links to the outside where we mount': (victim) => [
      { name: 'usr/', type: '5' },
      { name: 'usr/bin/', type: '5' },
      ...['run', 'proc', 'dev', 'workspace'].map((name) => ({ name, type: '2', link: `/oldroot${victim}` })),
    ],
    'puts files where we mount': () => [
      { name: 'usr/', type: '5' },
      { name: 'usr/bin/', type: '5' },
      ...['run', 'proc', 'dev'].map((name) => ({ name, content: 'file' })),
    ],
    'has names that talk to a terminal': () => [
      ...root,
      { name: '../\u001b[31mred\u0007', content: 'x' },
      { name: 'usr/bin/\u001b]0;x\u0007', type: '3' },
    ],
  };
  for (const [fault, entries] of Object.entries(hostile)) {
    verifies(
      'R-TIER-3',
      `an archive that ${fault} changes nothing outside: it is refused, or it is harmless`,
      async () => {
        await attempt(
          (victim) => tar(entries(victim)),
          (outcome) => {
            const { reason } = outcome;
            expect(['image.invalid', 'launcher.failed', 'tier.unhealthy', undefined]).toContain(reason);
            expect(outcome.message).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
          },
        );
      },
    );
  }

  verifies(
    'R-TIER-3',
    'what is no root file system is refused: absent, a file, empty, the host itself, relative, a pipe',
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        await mkdir(scene.path('empty'));
        await writeFile(scene.path('file'), 'x');
        for (const path of [scene.path('absent'), scene.path('file'), scene.path('empty'), '/']) {
          await expect(
            client.create({ tier: 'quilt', image: { kind: 'rootfs', path } }),
            path,
          ).rejects.toMatchObject({ reason: 'image.invalid' });
        }
        for (const path of [scene.path('absent'), scene.path('empty'), '/dev/zero', '/proc/self/mem']) {
          await expect(
            client.create({ tier: 'quilt', image: { kind: 'tar', path } }),
            path,
          ).rejects.toMatchObject({ reason: 'image.invalid' });
        }
        await expect(
          client.create({ tier: 'quilt', image: { kind: 'tar', path: 'x.tar' } }),
        ).rejects.toMatchObject({ reason: 'argument.invalid' });
        await expect(
          client.create({ tier: 'process', image: { kind: 'rootfs', path: scene.path('empty') } }),
        ).rejects.toMatchObject({ name: 'SovereignError' });
        expect((await client.list()).sandboxes).toEqual([]);
        expect(await scene.leftInState()).toEqual([]);
      });
    },
  );

  verifies(
    'R-TIER-3',
    'a root without a shell comes up: what is missing is a result of the command',
    async () => {
      await FaultScene.play(async (scene) => {
        await mkdir(scene.path('rootfs/usr/bin'), { recursive: true });
        const sandbox = await scene.create({
          tier: 'quilt',
          image: { kind: 'rootfs', path: scene.path('rootfs') },
        });
        expect(await sandbox.exec({ command: 'sh' })).toMatchObject({ exitCode: 127, cause: 'notFound' });
        await sandbox.files.write('/made', 'inside');
        expect(await readdir(scene.path('rootfs'))).toEqual(['usr']);
      });
    },
  );
}

function binaryEntry(name: string, content: Buffer): Buffer {
  const header = tar([{ name, content: 'x'.repeat(content.length) }]).subarray(0, 512);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}
