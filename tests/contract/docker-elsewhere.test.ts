import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  busyboxAbsence,
  containerEngineContract,
  networksContract,
  tierTest,
  type Absence,
} from '@sovereign/testkit';
import { afterAll, describe } from 'vitest';
import { TestAuthority } from '../docker/tls-certificates.ts';
import { startEngine, type TestEngine } from '../support/engines.ts';
import { docker } from '../support/engine-subject.ts';
import { freePort } from '../support/free-port.ts';
import { startPublishing } from '../support/publishing.ts';
import { sshAbsence, sshConfig, sshHome, SshServer } from '../support/ssh-server.ts';

const root = mkdtempSync('/tmp/svt-');
afterAll(() => rmSync(root, { recursive: true, force: true }));
const { registry, publish } = await startPublishing();
const engine = await startEngine('docker', { ...(registry && { registry }) });
const authority = new TestAuthority(join(root, 'authority'));
const certificate = authority.sign('server', 'DNS:localhost,IP:127.0.0.1');
const port = await freePort();
const tlsEngine = await startEngine('docker', {
  listenArgs: [
    ...['-H', `tcp://127.0.0.1:${port}`, '--tlsverify', '--tlscacert', certificate.ca],
    ...['--tlscert', certificate.cert, '--tlskey', certificate.key],
  ],
});
const noSsh = sshAbsence();
const server = noSsh.isMissing ? undefined : await SshServer.start(join(root, 'server'));
afterAll(() => server?.close());
const busybox = busyboxAbsence();
const absenceOf = (engine: TestEngine): Absence =>
  busybox === undefined ? engine.absence : { isMissing: true, reason: busybox };

/** Every promise of an engine, for one that has nothing of this host: what is judged by paths or sockets shows here. */
tierTest('ssh', noSsh, () => {
  tierTest('docker', absenceOf(engine), () => {
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

/** Networks once more where the connections are kept by TLS; what else differs there is in tests/docker/tls.test.ts. */
tierTest('docker', absenceOf(tlsEngine), () => {
  const { directory } = authority.sign('client');
  const env = {
    DOCKER_HOST: `tcp://localhost:${port}`,
    DOCKER_TLS_VERIFY: '1',
    DOCKER_CERT_PATH: directory,
  };
  describe('docker elsewhere, over TLS', { timeout: docker.timeoutMs }, () =>
    networksContract({
      name: 'docker elsewhere, over TLS',
      ...docker,
      create: (directories) =>
        Promise.resolve(tlsEngine.backend(directories, { host: '', userHome: root, env })),
    }),
  );
});
