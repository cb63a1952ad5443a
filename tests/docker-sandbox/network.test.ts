import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { absenceOfFake, DockerSandboxScene } from './scene.ts';

/** The network of a sandbox is closed and found closed, or there is no sandbox. */
tierTest('bubblewrap', absenceOfFake(), () => {
  const { play } = DockerSandboxScene;

  verifies('R-TIER-6', 'network: closed before anything runs, and asked about afterwards', async () => {
    await play(async (scene) => {
      await scene.create(scene.backend());
      const verbs = (await scene.log()).map(({ argv }) =>
        argv[0] === 'policy' ? argv.slice(0, 2).join(' ') : (argv[0] ?? ''),
      );
      const at = (verb: string): number => verbs.indexOf(verb);
      expect(at('create')).toBeLessThan(at('policy deny'));
      expect(at('policy deny')).toBeLessThan(at('policy check'));
      expect(verbs.lastIndexOf('policy check')).toBeLessThan(at('exec'));
    });
  });

  for (const [what, at, how] of [
    ['a denial that is not kept', 'policy deny', 'ignore'],
    ['a denial that fails', 'policy deny', 'fail'],
    ['an answer that is an error and ends with 0', 'policy check', 'zero'],
    ['an answer that is none', 'policy check', 'ignore'],
    ['an answer that is rubbish', 'policy check .*localhost', 'rubbish'],
    ['a question that fails', 'policy check', 'fail'],
  ] as const)
    verifies('R-TIER-6', `network: ${what} means no sandbox`, async () => {
      await play(async (scene) => {
        const backend = scene.backend();
        await scene.fail(at, how);
        await expect(scene.create(backend)).rejects.toMatchObject({
          reason: how === 'fail' && at === 'policy deny' ? 'engine.failed' : 'tier.weakened',
          hint: expect.stringMatching(/\S/),
        });
        expect(await backend.list()).toEqual([]);
        expect(await scene.machines()).toEqual([]);
        expect((await scene.log()).some(({ argv }) => argv[0] === 'exec')).toBe(false);
      });
    });

  verifies(
    'R-TIER-6',
    'network: a denial that is not kept shows also where the preset denies most',
    async () => {
      await play(async (scene) => {
        const backend = scene.backend();
        await scene.set({ policy: 'balanced' });
        await scene.fail('policy deny', 'ignore');
        await expect(scene.create(backend)).rejects.toMatchObject({ reason: 'tier.weakened' });
        await scene.fail();
        for (const policy of ['balanced', 'deny-all'] as const) {
          await scene.set({ policy });
          expect(await (await scene.create(backend)).status()).toBe('running');
        }
      });
    },
  );

  verifies('R-TIER-6', 'network: opened behind our back, it is found open at the next start', async () => {
    await play(async (scene) => {
      const backend = scene.backend();
      const guest = await scene.create(backend);
      await guest.stop({ graceMs: 0 });
      await scene.lift();
      await expect(guest.start()).rejects.toMatchObject({
        reason: 'tier.weakened',
        message: expect.stringContaining('Allowed'),
      });
      expect(await guest.status()).toBe('stopped');
    });
  });
});
