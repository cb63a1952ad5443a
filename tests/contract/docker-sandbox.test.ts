import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createDockerSandboxBackend } from '@sovereign/backends';
import { connectGuestChannel, findShelld } from '@sovereign/guest';
import { backendContract, channelContract, environmentOf, tierTest } from '@sovereign/testkit';
import { absenceOfFake, buildFake, DockerSandboxScene } from '../docker-sandbox/scene.ts';

/** Every promise of a backend and of a channel, over the published interface as it is acted out (ADR 0028). */
tierTest('bubblewrap', absenceOfFake(), () => {
  const directory = mkdtempSync(join(tmpdir(), 'svdc-'));
  const built = buildFake(directory);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  backendContract({
    name: 'docker-sandbox, acted out',
    hasKernel: true,
    hostSeesProcesses: false,
    openChannel: (stream) => connectGuestChannel(stream),
    create: async ({ stateDir }) =>
      createDockerSandboxBackend({
        stateDirectory: stateDir,
        shelldPath: findShelld(),
        programPath: await built,
      }),
  });

  channelContract({
    name: 'exec of the relay',
    has: { kernel: true, pty: true, reconnect: true, hostSeesProcesses: true },
    floodBytes: 16 * 1024 * 1024,
    create: async () => {
      const scene = await DockerSandboxScene.begin();
      const guest = await scene.create(scene.backend(), { workspace: { hostPath: await scene.workspace() } });
      return {
        connect: async () => connectGuestChannel(await guest.connect()),
        workspacePath: guest.workspacePath,
        env: environmentOf(guest),
        dispose: () => scene.dispose(),
      };
    },
  });
});
