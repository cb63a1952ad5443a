import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openEngine } from '@sovereign/engine';
import type { SandboxHandle, SovereignRuntime } from '@sovereign/core';
import type { DockerOptions } from '@sovereign/backends';
import { eventually, tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { startEngine, type TestEngine } from '../support/engines.ts';
import { busyboxRoot, pieces } from './busybox-root.ts';

const reference = 'team/busybox:1';

interface LinkScene {
  readonly runtime: SovereignRuntime;
  create(name: string): Promise<SandboxHandle>;
  /** What `sh -c` prints. */
  sh(sandbox: SandboxHandle, script: string): Promise<string>;
}

/** A runtime, as people have it, on an engine of the test. */
async function play(
  engine: TestEngine,
  options: Partial<DockerOptions>,
  act: (scene: LinkScene) => Promise<void>,
): Promise<void> {
  const home = await mkdtemp('/tmp/svl-');
  const stateDir = join(home, 's');
  await mkdir(stateDir, { mode: 0o700 });
  const backend = engine.backend({ stateDir, runtimeDir: stateDir }, options);
  const { runtime } = openEngine({ home, backends: [backend] });
  const made: SandboxHandle[] = [];
  try {
    const containers = backend.engine;
    if (containers === undefined) throw new Error('a container backend has an engine');
    await containers.images.import(pieces(busyboxRoot()), { reference, config: { env: { PATH: '/bin' } } });
    await act({
      runtime,
      create: async (name) => {
        const sandbox = await runtime.create({ tier: 'container', name, image: reference });
        made.push(sandbox);
        return sandbox;
      },
      sh: async (sandbox, script) => {
        const ran = await sandbox.exec({ command: 'sh', args: ['-c', script], timeoutMs: 20_000 });
        return Buffer.from(ran.stdout).toString();
      },
    });
  } finally {
    for (const sandbox of made) await sandbox.remove();
    await runtime.close();
    await rm(home, { recursive: true, force: true });
  }
}

/** A server inside that answers every connection with one line. */
async function serve(sandbox: SandboxHandle, port: number): Promise<void> {
  const args = ['nc', '-ll', '-p', String(port), '-e', '/bin/busybox', 'echo', 'answer'];
  await sandbox.spawn({ command: '/bin/busybox', args, isDetached: true });
}

const ask = (name: string, port: number): string => `nc ${name} ${port} </dev/null`;

const places: readonly (readonly [string, 'docker' | 'podman', Partial<DockerOptions>])[] = [
  ['docker', 'docker', {}],
  ['docker elsewhere', 'docker', { transport: 'relay' }],
  ['podman', 'podman', {}],
];
const engines = { docker: await startEngine('docker'), podman: await startEngine('podman') };

for (const [place, name, options] of places) {
  tierTest(name, engines[name].absence, () => {
    verifies(
      ['R-NEW-2', 'R-PRIM-3'],
      `on ${place}: a container reaches another by its name, after a stop as well, until the link is severed`,
      { timeoutMs: 120_000 },
      async () => {
        await play(engines[name], options, async ({ runtime, create, sh }) => {
          const [database, web] = [await create('db'), await create('web')];
          await serve(database, 5432);
          expect(await sh(web, ask('db', 5432)), 'without a link nothing is reached').toBe('');
          const link = await runtime.network.establish(web, database, 5432);
          expect(link).toMatchObject({ names: ['db', database.id], state: 'open' });
          for (const host of ['db', database.id, link.address])
            await eventually(`${host} answers`, async () =>
              (await sh(web, ask(host, 5432))).includes('answer'),
            );
          expect(await sh(database, ask('web', 5432)), 'the other way').toBe('');
          await web.stop({ graceMs: 0 });
          await web.start();
          await eventually('the name is there again', async () =>
            (await sh(web, ask('db', 5432))).includes('answer'),
          );
          await runtime.network.sever(web.id, database.id, 5432);
          expect(await sh(web, ask('db', 5432)), 'after it was severed').toBe('');
          expect(await sh(web, 'cat /etc/hosts')).not.toContain('db');
        });
      },
    );
  });
}
