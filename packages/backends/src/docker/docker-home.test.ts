import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { createDockerBackend } from './docker-backend.ts';

verifies('R-TIER-2', 'who never made anything on an engine is not told whether it runs', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'svr-'));
  const host = `unix://${join(directory, 'nobody.sock')}`;
  const stateDirectory = join(directory, 'docker');
  const backend = createDockerBackend({ stateDirectory, shelldPath: 'shelld', host, env: {} });
  try {
    const { engine } = backend;
    expect(await backend.list()).toEqual([]);
    expect(await engine?.networks.list()).toEqual([]);
    expect(await engine?.volumes.list()).toEqual([]);
    expect(await engine?.leftovers()).toEqual([]);
    // Looking does not make it somebody who was here.
    expect(existsSync(stateDirectory)).toBe(false);
    await expect(engine?.networks.create('web')).rejects.toMatchObject({ reason: 'engine.unavailable' });
  } finally {
    await backend.close();
    await rm(directory, { recursive: true, force: true });
  }
});
