import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { FileLedger, readLedger, SovereignRuntime, type SandboxHandle } from '@sovereign/core';
import { connectGuestChannel, findProgram } from '@sovereign/guest';
import type { LayeredImages } from '@sovereign/images';
import { skipOrFail, tierTest, verifies, type Skippable } from '@sovereign/testkit';
import { expect } from 'vitest';
import { inPieces, rawTar, type RawEntry } from '../../packages/images/src/tar/tar-for-test.ts';
import { probeTiers } from '../support/tiers.ts';
import { busyboxRoot } from './busybox-root.ts';
import { ImageScene } from './image-scene.ts';

const passwd = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\nbroken:x:none:0::/:\n';
const group = 'root:x:0:\nstaff:x:50:app\nwheel:x:10:other,app\napps:x:1001:\n';
const accounts: readonly RawEntry[] = [
  { name: 'etc/passwd', content: passwd, mode: 0o644 },
  { name: 'etc/group', content: group, mode: 0o644 },
  { name: 'root/', type: '5', mode: 0o700 },
];

interface ImageOptions {
  readonly user?: string;
  readonly workingDirectory?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly entries?: readonly RawEntry[];
}

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, users);

function users(): void {
  verifies('R-PRIM-5', 'commands run as USER of their image, with its groups and home', async (context) => {
    await playUsers(context, async ({ image, inside }) => {
      for (const [user, expected] of [
        ['app', '1000 1001 1001 10 50 /home/app'],
        ['1000', '1000 1001 1001 10 50 /home/app'],
        ['app:staff', '1000 50 50 /home/app'],
        ['1234:4321', '1234 4321 4321 /'],
        ['', '0 0 0 /root'],
      ] as const) {
        const said = await inside(await image({ user }), async (sandbox) => (await ids(sandbox)).stdoutText);
        expect([user, said.trim()]).toEqual([user, expected]);
      }
    });
  });

  verifies(
    'R-TIER-3',
    'who is not root has nothing of root, and may write what is theirs',
    async (context) => {
      await playUsers(context, async ({ image, inside }) => {
        const entries = [...accounts, { name: 'tmp/', type: '5', mode: 0o1777 }];
        await inside(await image({ user: 'app', entries }), async (sandbox) => {
          const script = `grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | cut -f2 | tr '\\n' ' '
            (echo x > /etc/base) 2>/dev/null || echo refused; echo x > /tmp/mine && stat -c '%u %g' /tmp/mine`;
          const none = '0000000000000000 '.repeat(4);
          expect((await sandbox.shell(script)).stdoutText).toBe(`${none}refused\n1000 1001\n`);
          const root = await sandbox.shell('echo x > /etc/base && stat -c %u /etc/base', { user: 'root' });
          expect(root.stdoutText).toBe('0\n');
        });
      });
    },
  );

  verifies(
    ['R-EXEC-1', 'R-GOV-2'],
    'a command, and a sandbox, may name another user; the ledger says who',
    async (context) => {
      await playUsers(context, async ({ image, inside, users }) => {
        const plain = await image({ user: 'app' });
        await inside(
          plain,
          async (sandbox) => {
            expect((await ids(sandbox)).stdoutText).toBe('7 8 8 /\n');
            expect((await ids(sandbox, { user: 'app' })).stdoutText).toBe('1000 1001 1001 10 50 /home/app\n');
            expect((await ids(sandbox, { user: 'app', env: { HOME: '/mine' } })).stdoutText).toContain(
              ' /mine\n',
            );
            const session = await sandbox.openSession({ env: { HOME: '/session' } });
            expect((await session.exec({ command: 'sh', args: ['-c', 'echo $HOME'] })).stdoutText).toBe(
              '/session\n',
            );
          },
          { user: '7:8' },
        );
        expect(await users()).toEqual(['7:8', 'app', 'app', '7:8']);
        const own = await image({ user: 'app', env: { HOME: '/of-the-image' } });
        await inside(own, async (sandbox) => {
          expect((await ids(sandbox)).stdoutText).toContain(' /of-the-image\n');
          expect((await ids(sandbox, { user: 'root' })).stdoutText).toBe('0 0 0 /of-the-image\n');
        });
      });
    },
  );

  verifies('R-PRIM-5', 'a user that is not there, or cannot be, is refused by name', async (context) => {
    await playUsers(context, async ({ image, inside }) => {
      const refusals = {
        nobody: 'no such user',
        broken: 'no such user',
        'app:nobody': 'no such group',
        '70000': 'no such id',
      };
      for (const [user, message] of Object.entries(refusals)) {
        await inside(await image({ user }), async (sandbox) => {
          await expect(ids(sandbox)).rejects.toThrow(
            expect.objectContaining({
              reason: 'argument.invalid',
              message: expect.stringContaining(message) as string,
              hint: expect.stringContaining('sovereign doctor') as string,
            }),
          );
          expect((await ids(sandbox, { user: '0' })).exitCode).toBe(0);
        });
      }
      await inside(await image({}), async (sandbox) => {
        for (const user of ['', ':', 'a:b:c', 'a\nb', 'app:', 'x'.repeat(257)])
          await expect(ids(sandbox, { user })).rejects.toThrow(
            expect.objectContaining({ reason: 'argument.invalid' }),
          );
      });
    });
  });

  verifies(
    'R-PRIM-5',
    'hostile files of users keep nothing waiting and make nobody root',
    async (context) => {
      await playUsers(context, async ({ image, inside }) => {
        for (const entries of [
          [{ name: 'etc/passwd', type: '6' }],
          [{ name: 'etc/passwd', type: '2', link: '/dev/zero' }],
          [{ name: 'etc/passwd', type: '2', link: 'passwd' }],
          [{ name: 'etc/passwd', content: `app:x:0:0::/:\n${'x'.repeat(1_048_577)}` }],
          [{ name: 'etc/passwd/', type: '5' }],
          [
            {
              name: 'etc/passwd',
              content: 'app:x:4294967296:0::/:\napp:x::::\napp\n:::::\n\0app:x:0:0::/:\n',
            },
          ],
        ] satisfies readonly (readonly RawEntry[])[]) {
          await inside(await image({ user: 'app', entries }), async (sandbox) => {
            await expect(ids(sandbox)).rejects.toThrow(
              expect.objectContaining({ reason: 'argument.invalid' }),
            );
          });
        }
      });
    },
  );

  verifies('R-PRIM-5', 'WORKDIR is made where the image has none, and nowhere else', async (context) => {
    await playUsers(context, async ({ scene, image, inside }) => {
      const made = await image({ user: 'app', workingDirectory: '/srv/app/work' });
      await inside(made, async (sandbox) => {
        const said = await sandbox.shell("pwd; stat -c '%a %u' /srv /srv/app/work");
        expect(said.stdoutText).toBe('/srv/app/work\n755 0\n755 0\n');
        await sandbox.stop();
        await sandbox.start();
        expect((await sandbox.shell('pwd')).stdoutText).toBe('/srv/app/work\n');
      });
      const outside = join(scene.root, 'outside');
      const entries = [
        { name: 'way', type: '2', link: scene.root },
        { name: 'up', type: '2', link: '../../../..' },
      ];
      for (const workingDirectory of ['/way/outside', `/up${outside}`, `/../../..${outside}`]) {
        await inside(await image({ workingDirectory, entries }), async (sandbox) => {
          expect((await sandbox.shell('pwd', { cwd: '/' })).exitCode).toBe(0);
        });
        expect(await exists(outside)).toBe(false);
      }
      await inside(await image({ workingDirectory: '/etc/base/under' }), async (sandbox) => {
        expect(await sandbox.shell('true')).toMatchObject({ cause: 'badDirectory' });
      });
    });
  });
}

interface UserScene {
  readonly scene: ImageScene;
  /** Name of a new image of busybox with the accounts above and what is asked for. */
  readonly image: (options: ImageOptions) => Promise<string>;
  readonly inside: <T>(
    image: string,
    act: (sandbox: SandboxHandle) => Promise<T>,
    options?: { readonly user?: string },
  ) => Promise<T>;
  /** Whom the ledger names, command by command. */
  readonly users: () => Promise<readonly unknown[]>;
}

async function playUsers(context: Skippable, act: (scene: UserScene) => Promise<void>): Promise<void> {
  if (findProgram('busybox') === undefined) skipOrFail(context, 'busybox', 'busybox is not installed');
  await ImageScene.play(async (scene) => {
    const library = scene.library();
    await library.import(inPieces(await busyboxRoot(), 256 * 1024), { reference: 'base' });
    const directory = join(scene.root, 'ledger');
    await using runtime = new SovereignRuntime({
      backends: [scene.backend()],
      ledger: new FileLedger({ directory }),
      actor: { via: 'test', user: 'tester' },
      openChannel: (stream) => connectGuestChannel(stream),
      activityDirectory: join(scene.root, 'activity'),
    });
    let count = 0;
    await act({
      scene,
      image: (options) => makeImage(library, `image:${++count}`, options),
      inside: async (image, work, options = {}) => {
        const sandbox = await runtime.create({ tier: 'quilt', image, ...options });
        try {
          return await work(sandbox);
        } finally {
          await sandbox.remove();
        }
      },
      users: async () => {
        const found: unknown[] = [];
        for await (const { kind, members } of readLedger(directory)) {
          const action = members['action'] as { readonly kind?: unknown; readonly user?: unknown };
          if (kind === 'intent' && action.kind === 'exec.start') found.push(action.user);
        }
        return found;
      },
    });
  });
}

async function makeImage(library: LayeredImages, reference: string, options: ImageOptions): Promise<string> {
  const { entries = [], ...config } = options;
  const layer = inPieces(
    rawTar([
      ...accounts.filter(({ name }) => entries.every((other) => !other.name.startsWith(name))),
      ...entries,
    ]),
    256 * 1024,
  );
  await library.addLayer({ base: 'base', reference, layer, config });
  return reference;
}

const ids = (
  sandbox: SandboxHandle,
  request: { readonly user?: string; readonly env?: Readonly<Record<string, string>> } = {},
): ReturnType<SandboxHandle['shell']> => sandbox.shell('echo $(id -u) $(id -g) $(id -G) $HOME', request);

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
