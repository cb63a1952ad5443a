import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processIdentity } from '@sovereign/core';
import { createStreamPair, sandboxSpecForTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { consoleName, ProcessGuest } from './process-guest.ts';

verifies(
  'R-TIER-9',
  'a guest that ended before it was connected is a failed launch, with what it printed; once connected it is one that does not run',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pg-'));
    const child = spawn('sleep', ['600']);
    try {
      const identity = processIdentity(child.pid ?? 0);
      if (identity === undefined) throw new Error('sleep has no identity');
      const [stream] = createStreamPair();
      const made = (): ProcessGuest =>
        new ProcessGuest({
          spec: sandboxSpecForTest(),
          launched: { identity, workspaceOwnership: 'plain' },
          stream,
          workspacePath: '/workspace',
          baseEnv: {},
          directory,
          patienceMs: 0,
          onRemoved: () => undefined,
        });
      writeFileSync(join(directory, consoleName), 'it said no\n');
      // The twin: a guest that lives is connected to, and then no more.
      const [heard, unheard] = [made(), made()];
      expect(await heard.connect()).toBe(stream);
      await expect(heard.connect()).rejects.toMatchObject({ reason: 'sandbox.not-running' });
      child.kill('SIGKILL');
      await once(child, 'exit');
      await expect(heard.connect()).rejects.toMatchObject({ reason: 'sandbox.not-running' });
      await expect(unheard.connect()).rejects.toMatchObject({
        reason: 'launcher.failed',
        message: expect.stringContaining('it said no'),
      });
    } finally {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
