import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostProcessesNamed, skipOrFail, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { FaultScene } from './support.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, state);

function state(): void {
  const at = (scene: FaultScene, ...names: readonly string[]): string =>
    join(scene.home, 'state', 'quilt', ...names);
  const sandboxAt = (scene: FaultScene, id: string, ...names: readonly string[]): string =>
    at(scene, 'sandboxes', id, ...names);

  const corruptions: Readonly<Record<string, string | undefined>> = {
    'is gone': undefined,
    'is empty': '',
    'is cut short': '{"id":"sbx_',
    'is no object': '[]',
    'is null': 'null',
    'is deep': '['.repeat(200_000),
    'is large': `{"id":"${'x'.repeat(3 * 1_048_576)}"}`,
    'has a key that nobody knows': '@SPEC@,"isPrivileged":true}',
    'says __proto__': '@SPEC@,"__proto__":{"isInsecure":true}}',
  };
  for (const [fault, content] of Object.entries(corruptions)) {
    verifies(
      'R-TIER-9',
      `a spec.json that ${fault}: listed as broken, harms no other, removed whole`,
      async () => {
        await FaultScene.play(async (scene) => {
          const client = await scene.client();
          const [broken, sound] = [
            await client.create({ tier: 'quilt', name: 'broken' }),
            await client.create({ tier: 'quilt', name: 'sound' }),
          ];
          const path = sandboxAt(scene, broken.id, 'spec.json');
          const spec = await readFile(path, 'utf8');
          await rm(path);
          if (content !== undefined) await writeFile(path, content.replace('@SPEC@', spec.slice(0, -1)));
          const next = await scene.client();
          const { sandboxes } = await next.list();
          expect(sandboxes.find(({ id }) => id === broken.id)).toMatchObject({
            state: 'broken',
            problem: expect.stringContaining('spec.json'),
          });
          expect(sandboxes.find(({ id }) => id === sound.id)).toMatchObject({ state: 'running' });
          await next.remove(broken.id);
          expect((await next.list()).sandboxes.map(({ id }) => id)).toEqual([sound.id]);
          expect((await sound.exec({ command: 'echo', args: ['sound'] })).stdoutText).toBe('sound\n');
          // The name is free again although nobody could read whose it was.
          await (await next.create({ tier: 'quilt', name: 'broken' })).remove();
        });
      },
    );
  }

  verifies('R-TIER-9', 'a spec.json of another sandbox never makes a removal hit that one', async () => {
    await FaultScene.play(async (scene) => {
      const client = await scene.client();
      const [victim, liar] = [
        await client.create({ tier: 'quilt', name: 'victim' }),
        await client.create({ tier: 'quilt' }),
      ];
      await writeFile(
        sandboxAt(scene, liar.id, 'spec.json'),
        await readFile(sandboxAt(scene, victim.id, 'spec.json')),
      );
      const next = await scene.client();
      await next.remove(liar.id);
      expect((await next.list()).sandboxes).toMatchObject([{ id: victim.id, state: 'running' }]);
      expect((await victim.exec({ command: 'echo', args: ['here'] })).stdoutText).toBe('here\n');
      await expect(next.create({ tier: 'quilt', name: 'victim' })).rejects.toMatchObject({
        reason: 'sandbox.exists',
      });
    });
  });

  verifies(
    'R-TIER-9',
    'a name in a spec.json that is a path frees nothing outside of the names',
    async () => {
      await FaultScene.play(async (scene) => {
        const client = await scene.client();
        const sandbox = await client.create({ tier: 'quilt' });
        const outside = scene.path('outside');
        await writeFile(outside, sandbox.id);
        const path = sandboxAt(scene, sandbox.id, 'spec.json');
        const spec = JSON.parse(await readFile(path, 'utf8')) as object;
        await writeFile(path, JSON.stringify({ ...spec, name: '../../../../outside' }));
        await (await scene.client()).remove(sandbox.id);
        expect(await readFile(outside, 'utf8')).toBe(sandbox.id);
      });
    },
  );

  verifies('R-TIER-9', 'a guest.json that names somebody else never has them signalled', async () => {
    await FaultScene.play(async (scene) => {
      const bystander = spawn('sleep', ['1000']);
      try {
        await once(bystander, 'spawn');
        const client = await scene.client();
        const real = JSON.parse(await guestFileOf(client, scene)) as {
          pid: number;
          startTicks: number;
          bootId: string;
        };
        const pid = bystander.pid ?? 0;
        const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
        const startTicks = Number(fields[19]);
        const lies: readonly unknown[] = [
          { ...real, pid },
          { ...real, pid, startTicks: startTicks + 1 },
          { ...real, pid, startTicks, bootId: 'another boot' },
          { ...real, pid: 1 },
          { ...real, pid: -pid },
          { ...real, pid: 0 },
          { ...real, pid: String(pid), startTicks },
          { ...real, pid: pid + 0.5, startTicks },
          { ...real, pid: 2 ** 40 },
          { pid, startTicks },
          'rubbish',
        ];
        for (const lie of lies) {
          const sandbox = await client.create({ tier: 'quilt' });
          await writeFile(
            sandboxAt(scene, sandbox.id, 'guest.json'),
            typeof lie === 'string' ? lie : JSON.stringify(lie),
          );
          const next = await scene.client();
          const listed = (await next.list()).sandboxes.find(({ id }) => id === sandbox.id);
          expect(['stopped', 'broken']).toContain(listed?.state);
          await next.remove(sandbox.id);
          expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
          // What really ran is known by its groups.
          expect(await hostProcessesNamed(sandbox.id)).toEqual([]);
        }
        expect(await scene.leftInState()).toEqual([]);
      } finally {
        bystander.kill('SIGKILL');
      }
    });
  });

  verifies('R-TIER-9', 'names that point nowhere are free, names that are odd hurt nobody', async () => {
    await FaultScene.play(async (scene) => {
      const client = await scene.client();
      await (await client.create({ tier: 'quilt', name: 'first' })).remove();
      await writeFile(at(scene, 'names', 'nowhere'), 'sbx_000000000000');
      await writeFile(at(scene, 'names', 'rubbish'), '../../../../etc');
      await writeFile(at(scene, 'names', 'nothing'), '');
      await symlink('/etc/passwd', at(scene, 'names', 'linked'));
      await symlink('/not/there', at(scene, 'names', 'dangling'));
      for (const name of ['nowhere', 'rubbish', 'nothing', 'linked', 'dangling']) {
        const sandbox = await client.create({ tier: 'quilt', name });
        expect(await readFile(at(scene, 'names', name), 'utf8')).toBe(sandbox.id);
        await sandbox.remove();
      }
      expect((await readFile('/etc/passwd', 'utf8')).startsWith('sbx_')).toBe(false);
      expect(await scene.leftInState()).toEqual([]);
    });
  });

  verifies(
    'R-TIER-9',
    'what a crash left of creates, removes and images is swept; what is young, and what is not ours, stays',
    async () => {
      await FaultScene.play(async (scene) => {
        const first = await scene.client();
        await (await first.create({ tier: 'quilt' })).remove();
        const old = ['sbx_aaaaaaaaaaaa.partial', 'sbx_bbbbbbbbbbbb.removed'];
        for (const name of [...old, 'sbx_cccccccccccc.partial', 'mine']) {
          await mkdir(at(scene, 'sandboxes', name, 'layer', 'upper'), { recursive: true });
        }
        for (const name of [...old, 'mine']) await utimes(at(scene, 'sandboxes', name), 1_000_000, 1_000_000);
        const images = join(scene.home, 'state', 'images');
        await mkdir(join(images, 'tar-x.of-999999999-1-0', 'usr'), { recursive: true });
        await mkdir(join(images, 'kept'));
        await mkdir(scene.path('rootfs/usr/bin'), { recursive: true });
        await writeFile(scene.path('bad.tar'), 'rubbish');
        const next = await scene.client();
        await (await next.create({ tier: 'quilt' })).remove();
        await expect(
          next.create({ tier: 'quilt', image: { kind: 'tar', path: scene.path('bad.tar') } }),
        ).rejects.toMatchObject({ reason: 'image.invalid' });
        expect((await readdir(at(scene, 'sandboxes'))).toSorted()).toEqual([
          'mine',
          'sbx_cccccccccccc.partial',
        ]);
        expect(await readdir(images)).toContain('kept');
        expect((await readdir(images)).filter((name) => name.includes('.of-'))).toEqual([]);
      });
    },
  );

  verifies('R-TIER-9', 'what could not be read again is refused before it is made', async () => {
    await FaultScene.play(async (scene) => {
      const client = await scene.client();
      const large = client.create({ tier: 'quilt', env: { A: 'x'.repeat(3 * 1_048_576) } });
      await expect(large).rejects.toMatchObject({ reason: 'argument.too-large' });
      const twin = await client.create({
        tier: 'quilt',
        env: { A: 'x'.repeat(100_000), constructor: 'a word', toString: 'another' },
      });
      const next = await scene.client();
      const found = await next.connect(twin.id);
      expect(
        (await found.exec({ command: 'sh', args: ['-c', 'echo ${#A} $constructor $toString'] })).stdoutText,
      ).toBe('100000 a word another\n');
    });
  });

  verifies(
    'R-TIER-9',
    'a full disk for the state ends the create by type and leaves nothing; with room again it works',
    async (context) => {
      await FaultScene.play(async (scene) => {
        const path = await scene.tmpfs('h/state', 32 * 1_048_576);
        if (path === undefined) return skipOrFail(context, 'root', 'a file system of our own takes mount(2)');
        const client = await scene.client();
        await (await client.create({ tier: 'quilt' })).remove();
        await fill(join(path, 'ballast'));
        const failing = client.create({ tier: 'quilt' });
        await expect(failing).rejects.toMatchObject({
          name: 'SovereignError',
          reason: expect.stringMatching(/^(sandbox\.create-failed|launcher\.failed|file\.no-space)$/),
        });
        expect((await client.list()).sandboxes).toEqual([]);
        expect(await scene.leftInState()).toEqual([]);
        await rm(join(path, 'ballast'));
        expect(
          (await (await client.create({ tier: 'quilt' })).exec({ command: 'echo', args: ['room'] }))
            .stdoutText,
        ).toBe('room\n');
      });
    },
  );
}

for (const { tier, absence } of await probeTiers(['process', 'quilt'])) {
  tierTest(tier.name, absence, () => disks(tier.name as 'process' | 'quilt'));
}

function disks(tier: 'process' | 'quilt'): void {
  verifies(
    'R-GOV-2',
    `${tier}: with a full disk for the ledger nothing happens, and what was done is still recorded`,
    async (context) => {
      await FaultScene.play(async (scene) => {
        const path = await scene.tmpfs('h/ledger', 2 * 1_048_576);
        if (path === undefined) return skipOrFail(context, 'root', 'a file system of our own takes mount(2)');
        const client = await scene.client();
        const sandbox = await client.create({ tier, workspace: scene.workspace });
        await sandbox.exec({ command: 'touch', args: ['before'] });
        await fill(join(path, 'ballast'));
        let refusals = 0;
        // What room is left in the last block of the file is used up first.
        for (let index = 0; index < 200; index++) {
          const refused = await sandbox.exec({ command: 'touch', args: [`after-${index}`] }).then(
            () => undefined,
            (error: unknown) => error as { readonly reason: string },
          );
          if (refused === undefined) continue;
          expect(refused).toMatchObject({ reason: 'ledger.unwritable' });
          refusals++;
        }
        expect(refusals).toBeGreaterThan(0);
        const made = (await readdir(scene.workspace)).filter((name) => name.startsWith('after-'));
        // Done or refused; never refused and done, unless the outcome alone could not be written.
        expect(made.length + refusals).toBeLessThanOrEqual(201);
        await expect(client.create({ tier })).rejects.toMatchObject({ reason: 'ledger.unwritable' });
        await rm(join(path, 'ballast'));
        expect((await sandbox.exec({ command: 'echo', args: ['room'] })).stdoutText).toBe('room\n');
        expect(await client.verifyLedger()).toMatchObject({ ok: true });
      });
    },
  );

  verifies(
    'R-EXEC-2',
    `${tier}: with a full disk a write fails with file.no-space and the old content stays`,
    async (context) => {
      await FaultScene.play(async (scene) => {
        const path = await scene.tmpfs('w', 4 * 1_048_576);
        if (path === undefined) return skipOrFail(context, 'root', 'a file system of our own takes mount(2)');
        const sandbox = await scene.create({ tier, workspace: path });
        await sandbox.files.write('file', 'old content');
        const large = Buffer.alloc(8 * 1_048_576, 1);
        await expect(sandbox.files.write('file', large)).rejects.toMatchObject({ reason: 'file.no-space' });
        expect(await sandbox.files.readText('file')).toBe('old content');
        expect(await readdir(path)).toEqual(['file']);
        expect(
          await sandbox.exec({ command: 'sh', args: ['-c', 'head -c 8M /dev/zero > other'] }),
        ).toMatchObject({ exitCode: 1 });
        await sandbox.files.remove('other');
        await sandbox.files.write('file', 'new content');
        expect(await readFile(join(path, 'file'), 'utf8')).toBe('new content');
      });
    },
  );
}

async function guestFileOf(
  client: Awaited<ReturnType<FaultScene['client']>>,
  scene: FaultScene,
): Promise<string> {
  const sandbox = await client.create({ tier: 'quilt' });
  const text = await readFile(
    join(scene.home, 'state', 'quilt', 'sandboxes', sandbox.id, 'guest.json'),
    'utf8',
  );
  await sandbox.remove();
  return text;
}

/** Writes until nothing goes any more. */
async function fill(path: string): Promise<void> {
  const { open } = await import('node:fs/promises');
  const file = await open(path, 'w');
  try {
    for (const size of [1_048_576, 4_096, 1]) {
      const piece = Buffer.alloc(size, 1);
      for (let isFull = false; !isFull;)
        isFull = await file.write(piece).then(
          ({ bytesWritten }) => bytesWritten < size,
          () => true,
        );
    }
  } finally {
    await file.close();
  }
}
