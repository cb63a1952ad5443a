import { execFileSync } from 'node:child_process';
import { chmod, chown, copyFile, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findShelld } from '@sovereign/guest';
import { skipOrFail, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers } from '../support/tiers.ts';

/** No user of any host: it has no name, no home, and no ranges of ids. */
const uid = 64_123;
const client = fileURLToPath(new URL('unprivileged-client.ts', import.meta.url));

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, rootless);

function rootless(): void {
  verifies(
    'R-TIER-3',
    'a user without any rights has containers: isolated, with a workspace, stopped and started; limits are refused where no control group is delegated',
    async (context) => {
      if (process.getuid?.() !== 0) skipOrFail(context, 'root', 'only root can become somebody else');
      const root = await mkdtemp(join(tmpdir(), 'svr-'));
      try {
        await chmod(root, 0o755);
        const [home, workspace, shelld] = [join(root, 'h'), join(root, 'w'), join(root, 'shelld')];
        for (const path of [home, workspace]) {
          await mkdir(path, { mode: 0o700 });
          await chown(path, uid, uid);
        }
        await copyFile(findShelld(), shelld);
        await chmod(shelld, 0o755);
        const printed = execFileSync(
          process.execPath,
          ['--import', 'tsx', '--conditions=@sovereign/source', client, String(uid), workspace],
          {
            encoding: 'utf8',
            timeout: 50_000,
            env: { PATH: process.env['PATH'], HOME: home, SOVEREIGN_HOME: home, SOVEREIGN_SHELLD: shelld },
          },
        );
        expect(JSON.parse(printed)).toEqual({
          hostUid: uid,
          hostCapabilities: '0000000000000000',
          type: 'quilt',
          isIsolated: true,
          insideUid: '0',
          written: '0',
          shadow: expect.not.stringContaining('root:') as unknown,
          stopped: 'stopped',
          again: 'inside',
          limited: 'limit.unsupported',
          left: 0,
        });
        const made = join(workspace, 'made');
        expect([(await stat(made)).uid, await readFile(made, 'utf8')]).toEqual([uid, 'inside\n']);
      } finally {
        await rm(root, { recursive: true, force: true });
      }
    },
  );
}
