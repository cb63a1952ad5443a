import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';
import { UnprivilegedUser } from './unprivileged-user.ts';

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, refusals);

const noGroups = {
  why: 'his host gives us no control groups',
  hint: /^Run as root, or have your user slice delegated/,
};

/** Calls that need what only root has, or whom root lets, and what is said instead. */
const refused: readonly (readonly [call: string, reason: string, why: string, hint: RegExp])[] = [
  [
    'network create lab',
    'capability.missing',
    'they need root',
    /sovereign link.*sovereign port publish.*run as root/,
  ],
  ['network connect lab dev', 'capability.missing', 'they need root', /sovereign link/],
  ['stats dev --once', 'capability.missing', noGroups.why, noGroups.hint],
  ['create --tier quilt --no-workspace --memory 64m', 'limit.unsupported', noGroups.why, noGroups.hint],
  ['volume create small --size 10m', 'limit.unsupported', 'only root may mount', /^Leave sizeBytes out/],
  [
    'snapshot take dev',
    'capability.missing',
    'takes no snapshots',
    /--tier microvm.*stop it first.*sovereign fork/,
  ],
  ['fork dev', 'capability.missing', 'one that stands still', /sovereign stop sbx_.*--tier microvm/],
];

function refusals(): void {
  verifies(
    ['R-TIER-3', 'R-PRIM-6'],
    'what a user may not have here is refused with the reason and what works instead, and changes nothing',
    { timeoutMs: 120_000 },
    async (context) => {
      await UnprivilegedUser.play(context, {}, async (user) => {
        await user.does('create', '--tier', 'quilt', '--no-workspace', '--name', 'dev');
        for (const [call, reason, why, hint] of refused) {
          const error = await user.isRefused(...call.split(' '));
          expect(error, call).toMatchObject({ reason, message: expect.stringContaining(why) as string });
          expect(error.hint, call).toMatch(hint);
        }
        const paused = await user.call('pause', 'dev');
        expect(paused.stderr).toContain(noGroups.why);
        expect(paused.exitCode).not.toBe(0);
        expect(await user.does('ps', '--quiet', '--all')).toMatch(/^sbx_\w+$/);
        expect(await user.does('exec', 'dev', '--', 'echo', 'up')).toBe('up');
        expect(await user.does('volume', 'ls', '--quiet')).toBe('');
        await user.does('rm', '--force', 'dev');
      });
    },
  );
}
