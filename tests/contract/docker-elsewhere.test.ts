import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxAbsence, containerEngineContract, tierTest } from '@sovereign/testkit';
import { afterAll } from 'vitest';
import { startEngine } from '../support/engines.ts';
import { docker } from '../support/engine-subject.ts';
import { startPublishing } from '../support/publishing.ts';
import { sshAbsence, sshConfig, sshHome, SshServer } from '../support/ssh-server.ts';

const root = mkdtempSync('/tmp/svt-');
afterAll(() => rmSync(root, { recursive: true, force: true }));
const { registry, publish } = await startPublishing();
const engine = await startEngine('docker', { ...(registry && { registry }) });
const noSsh = sshAbsence();
const server = noSsh.isMissing ? undefined : await SshServer.start(join(root, 'server'));
afterAll(() => server?.close());
const busybox = busyboxAbsence();
const absence = busybox === undefined ? engine.absence : { isMissing: true as const, reason: busybox };

/** Every promise of an engine, for one that has nothing of this host: what is judged by paths or sockets shows here. */
tierTest('ssh', noSsh, () => {
  tierTest('docker', absence, () => {
    if (server === undefined) return;
    const files = { config: sshConfig(server.userKey), known_hosts: server.knownHosts() };
    const userHome = sshHome(join(root, 'home'), files);
    const socket = engine.host.slice('unix://'.length);
    const env = { DOCKER_HOST: `ssh://${server.user}@127.0.0.1:${server.port}${socket}` };
    containerEngineContract({
      name: 'docker elsewhere, over ssh',
      ...docker,
      ...(publish && { publish }),
      create: (directories) => Promise.resolve(engine.backend(directories, { host: '', userHome, env })),
    });
  });
});
