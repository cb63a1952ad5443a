import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import type { DockerOptions } from '@sovereign/backends';
import { sandboxSpecForTest, tierTest, verifies } from '@sovereign/testkit';
import { afterAll, expect } from 'vitest';
import { CommandLine } from '../cli/command.ts';
import { startEngine } from '../support/engines.ts';
import { freePort } from '../support/free-port.ts';
import { busyboxRoot, pieces } from './busybox-root.ts';
import { playOn, type EngineScene } from './scene.ts';
import { TestAuthority, type Certificates } from './tls-certificates.ts';

const root = mkdtempSync('/tmp/svt-');
afterAll(() => rmSync(root, { recursive: true, force: true }));
const authority = new TestAuthority(join(root, 'authority'));
const stranger = new TestAuthority(join(root, 'stranger'));
const server = authority.sign('server', 'DNS:localhost,IP:127.0.0.1');
const client = authority.sign('client');

const port = await freePort();
const engine = await startEngine('docker', {
  listenArgs: [
    ...['127.0.0.1', '127.0.0.2'].flatMap((host) => ['-H', `tcp://${host}:${port}`]),
    ...['--tlsverify', '--tlscacert', server.ca, '--tlscert', server.cert, '--tlskey', server.key],
  ],
});
const sandboxImage = 'sovereign/sandbox:test';

/** A backend that has the engine from its environment, as a user's has. */
const play = (options: Partial<DockerOptions>, act: (scene: EngineScene) => Promise<void>): Promise<void> =>
  playOn(engine, { host: '', userHome: root, sandboxImage, ...options }, act);

const verified = (host: string, { directory }: Certificates) => ({
  DOCKER_HOST: host,
  DOCKER_TLS_VERIFY: '1',
  DOCKER_CERT_PATH: directory,
});

/** The whole way: its image is imported, a sandbox made, a command run, and the engine elsewhere is known as such. */
async function runsThere({ backend, create, sh }: EngineScene): Promise<void> {
  expect(await backend.probe()).toMatchObject({ ok: true, detail: expect.stringContaining('another host') });
  await backend.engine?.images.import(pieces(busyboxRoot()), { reference: sandboxImage });
  expect(await sh(await create(), 'echo over there')).toBe('over there\n');
}

async function withServer(listener: Server, act: (port: number) => Promise<void>): Promise<void> {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  try {
    await act((listener.address() as AddressInfo).port);
  } finally {
    listener.close();
    await once(listener, 'close');
  }
}

tierTest('docker', engine.absence, () => {
  verifies('R-TIER-2', 'over TLS by DOCKER_HOST: a sandbox runs, by name and by address', async () => {
    for (const host of ['localhost', '127.0.0.1'])
      await play({ env: verified(`tcp://${host}:${port}`, client) }, runsThere);
  });

  verifies('R-TIER-2', 'over TLS by a context that the docker command made', async () => {
    const home = join(root, 'home');
    const files = `ca=${client.ca},cert=${client.cert},key=${client.key}`;
    const endpoint = `host=tcp://localhost:${port},${files}`;
    execFileSync(
      'docker',
      ['--config', join(home, '.docker'), 'context', 'create', 'far', '--docker', endpoint],
      {
        stdio: 'ignore',
      },
    );
    await play({ userHome: home, env: { DOCKER_CONTEXT: 'far' } }, runsThere);
  });

  verifies(
    ['R-TIER-2', 'R-PRIM-4', 'R-NEW-3'],
    'over TLS: two sandboxes share a volume there; a commit and a fork have what was changed, and not the volume',
    async () => {
      await play({ env: verified(`tcp://localhost:${port}`, client) }, async ({ backend, create, sh }) => {
        const offered = backend.engine;
        if (offered === undefined) throw new Error('a container backend has an engine');
        await offered.images.import(pieces(busyboxRoot()), { reference: sandboxImage });
        await offered.volumes.create('data');
        const mount = { volume: 'data', guestPath: '/data' };
        const writer = await create({ volumes: [mount] });
        const reader = await create({ volumes: [{ ...mount, isReadOnly: true }] });
        await sh(writer, 'echo shared > /data/file; echo own > /bin/own');
        expect(await sh(reader, 'cat /data/file; touch /data/x 2>/dev/null || echo refused')).toBe(
          'shared\nrefused\n',
        );
        expect((await offered.volumes.list()).map(({ name, users }) => [name, users.length])).toEqual([
          ['data', 2],
        ]);
        await expect(offered.volumes.remove('data')).rejects.toMatchObject({ reason: 'volume.in-use' });
        await offered.commit(writer.id, { reference: 'team/committed:1' });
        const committed = await create({ image: { kind: 'reference', reference: 'team/committed:1' } });
        await writer.pause();
        const fork = await offered.fork(writer.id, sandboxSpecForTest());
        await fork.start();
        for (const made of [committed, fork])
          expect(await sh(made, 'cat /bin/own; ls /data 2>/dev/null')).toBe('own\n');
        for (const made of [committed, fork, reader, writer]) await made.remove();
        await offered.images.remove('team/committed:1');
        await offered.volumes.remove('data');
        expect(await offered.volumes.list()).toEqual([]);
        expect(await offered.leftovers()).toEqual([]);
      });
    },
  );

  verifies(
    ['R-TIER-2', 'R-PRIM-4'],
    'over TLS: the command line keeps a volume there, and says how to go without a workspace',
    { timeoutMs: 120_000 },
    async () => {
      await play({ env: verified(`tcp://localhost:${port}`, client) }, async ({ backend }) => {
        await backend.engine?.images.import(pieces(busyboxRoot()), { reference: 'team/busybox:1' });
      });
      const line = await CommandLine.create();
      const env = verified(`tcp://localhost:${port}`, client);
      const call = (...words: readonly string[]) => line.call(words, { env });
      const there = ['--tier', 'docker', '--image', 'team/busybox:1'];
      try {
        const refused = await call('run', ...there, 'true');
        expect(refused.exitCode).not.toBe(0);
        expect(refused.stderr).toContain('runs on another host');
        expect(refused.stderr).toContain('--no-workspace');
        expect(refused.stderr).not.toContain('--workspace DIR');
        const volume = ['--engine', 'docker'];
        expect(await call('volume', 'create', 'kept', ...volume)).toMatchObject({ exitCode: 0 });
        const run = (...words: readonly string[]) =>
          call('run', ...there, '--no-workspace', '--volume', 'kept:/data', ...words);
        expect(await run('sh', '-c', 'echo lasting > /data/file')).toMatchObject({ exitCode: 0 });
        expect(await run('cat', '/data/file')).toMatchObject({ exitCode: 0, stdout: 'lasting\n' });
        expect(await call('volume', 'rm', 'kept', ...volume)).toMatchObject({ exitCode: 0 });
      } finally {
        await line.dispose();
      }
    },
  );

  verifies('R-TIER-2', 'an engine under a name that its certificate does not hold is refused', async () => {
    await play({ env: verified(`tcp://127.0.0.2:${port}`, client) }, async ({ backend, create }) => {
      await expect(create()).rejects.toMatchObject({ reason: 'engine.untrusted', retryable: false });
      expect(await backend.probe()).toMatchObject({
        ok: false,
        reason: expect.stringContaining("IP: 127.0.0.2 is not in the cert's list") as unknown,
      });
    });
  });

  verifies('R-TIER-2', 'an engine of another authority is refused, and hears no request', async () => {
    const impostor = stranger.sign('impostor', 'DNS:localhost,IP:127.0.0.1');
    let requests = 0;
    const listener = createTlsServer(
      { cert: readFileSync(impostor.cert), key: readFileSync(impostor.key) },
      (_, response) => {
        requests += 1;
        response.end();
      },
    );
    await withServer(listener, async (at) => {
      const asked = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
      try {
        await play({ env: verified(`tcp://localhost:${at}`, client) }, async ({ create }) => {
          await expect(create()).rejects.toMatchObject({ reason: 'engine.untrusted' });
        });
        expect(requests).toBe(0);
        // Who names its authority is let through, so it was the certificate.
        await play({ env: verified(`tcp://localhost:${at}`, impostor) }, async ({ create }) => {
          await expect(create()).rejects.toMatchObject({ reason: 'engine.failed' });
        });
        expect(requests).toBe(1);
      } finally {
        if (asked === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
        else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = asked;
      }
    });
  });

  verifies('R-TIER-2', 'a certificate of ours that the engine does not believe says so', async () => {
    const nobody = join(root, 'nobody');
    mkdirSync(nobody);
    copyFileSync(client.ca, join(nobody, 'ca.pem'));
    const foreign = stranger.sign('foreign');
    copyFileSync(client.ca, join(foreign.directory, 'ca.pem'));
    for (const directory of [nobody, foreign.directory]) {
      const env = { ...verified(`tcp://localhost:${port}`, client), DOCKER_CERT_PATH: directory };
      await play({ env }, async ({ create }) => {
        await expect(create()).rejects.toMatchObject({
          reason: 'engine.unavailable',
          message: expect.stringContaining('refused our certificate') as unknown,
        });
      });
    }
  });

  verifies('R-TIER-2', 'where TLS is asked for and cannot be, nobody is called without it', async () => {
    let calls = 0;
    const listener = createServer((socket) => {
      calls += 1;
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
      socket.on('error', () => undefined);
    });
    await withServer(listener, async (at) => {
      const empty = join(root, 'empty');
      const half = join(root, 'half');
      for (const directory of [empty, half]) mkdirSync(directory);
      for (const name of ['ca.pem', 'cert.pem']) copyFileSync(join(client.directory, name), join(half, name));
      const host = `tcp://localhost:${at}`;
      for (const env of [
        { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1' },
        { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: empty },
        { DOCKER_HOST: host, DOCKER_CERT_PATH: empty },
        { DOCKER_HOST: host, DOCKER_CERT_PATH: half },
        { DOCKER_HOST: host.replace('tcp', 'https') },
      ]) {
        await play({ env, userHome: empty }, async ({ backend }) => {
          await expect(backend.create(sandboxSpecForTest())).rejects.toMatchObject({
            reason: 'config.invalid',
          });
          expect(await backend.probe()).toMatchObject({ ok: false });
        });
      }
      expect(calls).toBe(0);
      await play({ env: verified(host, client) }, async ({ create }) => {
        await expect(create()).rejects.toMatchObject({
          reason: 'engine.unavailable',
          message: expect.stringContaining('does not speak TLS') as unknown,
        });
      });
      expect(calls).toBe(1);
    });
  });
});
