import net from 'node:net';
import { readLedger, type LedgerRecord, type SandboxHandle } from '@sovereign/core';
import { eventually, verifies } from '@sovereign/testkit';
import { describe, expect, test } from 'vitest';
import { inScene, listen, python, run, startOrigin, tiers, type Scene } from './scene.ts';

const proxy = '127.64.0.1:3128';

/** What curl got through the proxy: whatever no_proxy says. */
async function curl(sandbox: SandboxHandle, ...args: readonly string[]): Promise<string> {
  const { out, err } = await run(sandbox, 'curl', '-sS', '--max-time', '20', '--noproxy', '', ...args);
  return out + err;
}

async function connects(scene: Scene): Promise<readonly LedgerRecord[]> {
  const records: LedgerRecord[] = [];
  for await (const record of readLedger(scene.ledgerDir, { actions: ['egress.connect'] }))
    records.push(record);
  return records;
}

describe.each(tiers)('egress on %s', (tier) => {
  verifies('R-NEW-1', 'there is none by default: no proxy, no route', async () => {
    await inScene(async (scene) => {
      const origin = await startOrigin(scene);
      const sandbox = await scene.create(tier);
      const url = `http://127.0.0.1:${origin.port}/`;
      expect(await curl(sandbox, url)).toContain('Failed to connect');
      expect(await curl(sandbox, '-x', `http://${proxy}`, url)).toContain('Failed to connect');
      expect((await run(sandbox, 'env')).out).not.toContain('proxy');
      expect(origin.seen).toEqual([]);
    });
  });

  verifies(
    ['R-NEW-1', 'R-NEW-6'],
    'denied unless granted, by every way in, and each decision is told',
    async () => {
      await inScene(async (scene) => {
        const origin = await startOrigin(scene);
        const sandbox = await scene.create(tier, { egress: [] });
        const url = `http://127.0.0.1:${origin.port}/path`;
        const ways = [[], ['-p'], ['-x', `socks5h://${proxy}`], ['-x', `socks5://${proxy}`]];
        for (const way of ways) await curl(sandbox, ...way, url);
        expect(origin.seen, 'the verdict of the server').toEqual([]);
        const denial = {
          tier: sandbox.report.tier,
          mechanism: 'egress',
          resource: `127.0.0.1:${origin.port}`,
          grant: `127.0.0.1:${origin.port}`,
        };
        expect(scene.decisions).toHaveLength(ways.length);
        for (const decision of scene.decisions) expect(decision).toMatchObject({ isAllowed: false, denial });
        const answer = JSON.parse(await curl(sandbox, url)) as unknown;
        expect(answer).toMatchObject({ reason: 'egress.denied', denial });

        await sandbox.network.setEgress([denial.grant]);
        for (const way of ways) expect(await curl(sandbox, ...way, url)).toBe('origin ');
        expect(origin.seen).toEqual(ways.map(() => `GET 127.0.0.1:${origin.port}/path`));
        expect(scene.decisions.slice(-ways.length)).toMatchObject(
          ways.map(() => ({ isAllowed: true, rule: denial.grant, address: '127.0.0.1', denial: null })),
        );
        const records = await connects(scene);
        expect(records).toHaveLength(2 * scene.decisions.length);
      });
    },
  );
});

const tier = tiers[0] ?? 'process';

verifies('R-NEW-1', 'rules change while it runs: the next connection is judged anew', async () => {
  await inScene(async (scene) => {
    const origin = await startOrigin(scene);
    const sandbox = await scene.create(tier, { egress: [`127.0.0.1:${origin.port}`] });
    const url = `http://127.0.0.1:${origin.port}/`;
    expect(await curl(sandbox, url)).toBe('origin ');
    await sandbox.network.setEgress([]);
    expect(await curl(sandbox, url)).toContain('egress.denied');
    await sandbox.network.setEgress([`127.0.0.0/8:${origin.port}`]);
    expect(await curl(sandbox, '-d', 'body', url)).toBe('origin body');
    await expect(sandbox.network.setEgress(['not a rule'])).rejects.toMatchObject({
      reason: 'argument.invalid',
    });
    expect(await curl(sandbox, url), 'the rules before stay').toBe('origin ');
  });
});

verifies(
  'R-NEW-1',
  'a name that resolves to loopback is no way in, and an allowed one leads to exactly what was judged',
  async () => {
    const asked: string[] = [];
    let answers: string[][] = [];
    const resolve = (name: string): Promise<readonly string[]> => {
      asked.push(name);
      return Promise.resolve(answers.shift() ?? []);
    };
    await inScene(
      async (scene) => {
        const origin = await startOrigin(scene);
        const url = `http://app.example:${origin.port}/`;
        const sandbox = await scene.create(tier, { egress: [`app.example:${origin.port}`] });
        for (const address of [
          '127.0.0.1',
          '::1',
          '::ffff:127.0.0.1',
          '169.254.169.254',
          '10.0.0.1',
          '0.0.0.0',
        ]) {
          answers = [[address]];
          expect(await curl(sandbox, url), address).toContain('egress.denied');
        }
        expect(origin.seen).toEqual([]);
        expect(await curl(sandbox, `http://other.example:${origin.port}/`)).toContain('egress.denied');
        expect(asked, 'what is not allowed is not looked up').toEqual(new Array(6).fill('app.example'));

        await sandbox.network.setEgress([`app.example:${origin.port}`, `127.0.0.1:${origin.port}`]);
        // Rebinding: the second answer is never asked for, so the first is what is connected to.
        answers = [['127.0.0.1'], ['169.254.169.254']];
        expect(await curl(sandbox, url)).toBe('origin ');
        expect(asked).toHaveLength(7);
        expect(origin.seen).toEqual([`GET app.example:${origin.port}/`]);
        answers = [['169.254.169.254', '127.0.0.1']];
        expect(await curl(sandbox, '-p', url), 'of several addresses only those that are allowed').toBe(
          'origin ',
        );
        answers = [[]];
        expect(await curl(sandbox, url)).toContain('tunnel.refused');
      },
      { resolve },
    );
  },
);

verifies('R-NEW-1', 'odd spellings of an address are refused, not guessed', async () => {
  await inScene(async (scene) => {
    const origin = await startOrigin(scene);
    const sandbox = await scene.create(tier, { egress: ['*:*', `127.0.0.1:${origin.port}`] });
    const raw = async (target: string): Promise<string> =>
      (
        await python(
          sandbox,
          `
import socket
peer = socket.create_connection(("127.64.0.1", 3128))
peer.sendall(b"CONNECT ${target} HTTP/1.1\\r\\n\\r\\n")
print(peer.recv(100).split(b"\\r\\n")[0].decode())
`,
        )
      ).out.trim();
    for (const host of ['127.1', '0x7f.0.0.1', '2130706433', '0177.0.0.1', '127.0.0.1.', '[127.0.0.1]'])
      expect(await raw(`${host}:${origin.port}`), host).toMatch(/^HTTP\/1.1 40[03]/);
    expect(await raw(`[::1]:${origin.port}`)).toBe('HTTP/1.1 403 Forbidden');
    expect(await raw(`[::ffff:127.0.0.1]:${origin.port}`), 'the granted address in IPv6').toContain('200');
    expect(await raw(`127.0.0.1:${origin.port}`)).toContain('200');
  });
});

verifies('R-NEW-1', 'one request goes to one judged server: what is hidden behind it does not', async () => {
  await inScene(async (scene) => {
    const origin = await startOrigin(scene);
    const sandbox = await scene.create(tier, { egress: [`127.0.0.1:${origin.port}`] });
    const { out } = await python(
      sandbox,
      `
import socket
peer = socket.create_connection(("127.64.0.1", 3128))
first = b"POST http://127.0.0.1:${origin.port}/first HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 4\\r\\n\\r\\nbody"
peer.sendall(first + b"GET http://127.0.0.1:${origin.port}/hidden HTTP/1.1\\r\\nHost: secret.example\\r\\n\\r\\n")
while part := peer.recv(4096):
    print(part.decode(), end="")
`,
    );
    expect(out).toContain('origin body');
    expect(origin.seen).toEqual([`POST 127.0.0.1:${origin.port}/first`]);
  });
});

verifies(
  'R-NEW-1',
  'TLS that asks for another name than the connection is broken off before a byte leaves',
  async () => {
    const resolve = () => Promise.resolve(['127.0.0.1']);
    await inScene(
      async (scene) => {
        const got: Buffer[] = [];
        const port = await listen(
          scene,
          net.createServer((socket) => socket.on('data', (data) => got.push(data))),
        );
        const sandbox = await scene.create(tier, { egress: [`app.example:${port}`, `127.0.0.1:${port}`] });
        const hello = async (target: string, name: string | null) =>
          python(
            sandbox,
            `
import socket, ssl
peer = socket.create_connection(("127.64.0.1", 3128))
peer.sendall(b"CONNECT ${target}:${port} HTTP/1.1\\r\\n\\r\\n")
assert b" 200 " in peer.recv(100)
context = ssl._create_unverified_context()
peer.settimeout(${name === 'fronted.example' ? 10 : 0.3})
try:
    context.wrap_socket(peer, server_hostname=${name === null ? 'None' : JSON.stringify(name)})
except TimeoutError:
    print("passed")
except OSError as problem:
    print("broken", problem)
`,
          );
        expect((await hello('app.example', 'fronted.example')).out).toContain('broken');
        expect(Buffer.concat(got).length, 'the verdict of the server').toBe(0);
        expect(scene.decisions.at(-1)).toMatchObject({
          isAllowed: false,
          host: 'fronted.example',
          denial: { mechanism: 'egress' },
        });
        for (const [target, name] of [
          ['app.example', 'app.example'],
          ['app.example', 'APP.example'],
          ['127.0.0.1', 'any.example'],
          ['app.example', null],
        ] as const) {
          got.length = 0;
          expect((await hello(target, name)).out, `${target} ${String(name)}`).toContain('passed');
          expect(Buffer.concat(got)[0]).toBe(0x16);
        }
      },
      { resolve },
    );
  },
);

verifies('R-NEW-1', 'a server that speaks first is heard, and both sides end by themselves', async () => {
  await inScene(async (scene) => {
    const port = await listen(
      scene,
      net.createServer({ allowHalfOpen: true }, (socket) => {
        socket.write('220 ready\n');
        let text = '';
        socket.on('data', (data) => (text += data.toString()));
        socket.on('end', () => socket.end(`bye ${text.length}\n`));
      }),
    );
    const sandbox = await scene.create(tier, { egress: [`127.0.0.1:${port}`] });
    const { out } = await python(
      sandbox,
      `
import socket
peer = socket.create_connection(("127.64.0.1", 3128))
peer.sendall(b"\\x05\\x01\\x00")
peer.recv(2)
peer.sendall(b"\\x05\\x01\\x00\\x01\\x7f\\x00\\x00\\x01" + (${port}).to_bytes(2, "big"))
assert peer.recv(10)[1] == 0
print(peer.recv(100).decode(), end="")
peer.sendall(b"x" * 1000000)
peer.shutdown(socket.SHUT_WR)
print(peer.recv(100).decode(), end="")
`,
    );
    expect(out).toBe('220 ready\nbye 1000000\n');
  });
});

describe('a hostile guest', () => {
  verifies(
    'R-NEW-1',
    'slow and many connections are bounded, in number and in time, and honest ones come through again',
    async () => {
      await inScene(
        async (scene) => {
          const origin = await startOrigin(scene);
          const sandbox = await scene.create(tier, { egress: [`127.0.0.1:${origin.port}`] });
          const { out } = await python(
            sandbox,
            `
import socket, time
peers = []
for number in range(60):
    peer = socket.create_connection(("127.64.0.1", 3128))
    peer.settimeout(20)
    peers.append(peer)
    try:
        peer.sendall(b"GET http://127.0.0.1")
    except OSError:
        peers.pop()
ends = {"reset": 60 - len(peers)}
for peer in peers:
    try:
        end = "end" if peer.recv(1) == b"" else "data"
    except ConnectionResetError:
        end = "reset"
    ends[end] = ends.get(end, 0) + 1
print(ends)
`,
          );
          expect(out).toBe("{'reset': 60}\n");
          expect(scene.decisions).toEqual([]);
          expect(await curl(sandbox, `http://127.0.0.1:${origin.port}/`)).toBe('origin ');
        },
        { limits: { maxConnections: 8, headTimeoutMs: 1_000 } },
      );
    },
  );

  verifies(
    'R-NEW-1',
    'a flood of requests is turned away, and writes a bounded number of records',
    async () => {
      await inScene(
        async (scene) => {
          const sandbox = await scene.create(tier, { egress: [] });
          const { out } = await python(
            sandbox,
            `
import socket
answers = {}
for number in range(100):
    peer = socket.create_connection(("127.64.0.1", 3128))
    peer.sendall(b"CONNECT flood.example:443 HTTP/1.1\\r\\n\\r\\n")
    status = peer.recv(20)[9:12].decode()
    answers[status] = answers.get(status, 0) + 1
    peer.close()
print(sorted(answers))
`,
          );
          expect(out).toBe("['403', '429']\n");
          expect(scene.decisions.length).toBeLessThan(50);
          expect((await connects(scene)).length).toBe(2 * scene.decisions.length);
        },
        { limits: { burst: 10, perSecond: 1 } },
      );
    },
  );

  test.each([
    ['rubbish', '\\x00\\x01\\x02\\x03\\r\\n\\r\\n', '400'],
    ['a head without end', `GET http://a.example/${'x'.repeat(40_000)}`, '431'],
    ['another protocol', 'HELO mail\\r\\n\\r\\n', '400'],
    ['its own origin form', 'GET / HTTP/1.1\\r\\n\\r\\n', '400'],
  ])('%s gets a clear answer', async (_name, bytes, status) => {
    await inScene(async (scene) => {
      const sandbox = await scene.create(tier, { egress: [] });
      const { out } = await python(
        sandbox,
        `
import socket
peer = socket.create_connection(("127.64.0.1", 3128))
peer.sendall(b"${bytes}")
print(peer.recv(20)[9:12].decode())
`,
      );
      expect(out.trim()).toBe(status);
    });
  });
});

verifies(
  ['R-NEW-1', 'R-NEW-2'],
  'a link is reached through the proxy too, for programs that know nothing of no_proxy',
  async () => {
    await inScene(async (scene) => {
      const web = await scene.create(tier, { egress: [] });
      const server = await scene.create(tier, { name: 'docs' });
      const process = await server.spawn({
        command: '/usr/bin/python3',
        args: ['-u', '-m', 'http.server', '8080', '--bind', '127.0.0.1'],
        cwd: '/usr',
      });
      for await (const { data } of process) if (Buffer.from(data).includes('Serving')) break;
      await scene.runtime.network.establish(web, server, 8080);
      expect(await curl(web, 'http://docs:8080/'), 'through the proxy').toContain('Directory listing');
      expect((await run(web, 'curl', '-sS', 'http://docs:8080/')).out, 'past it').toContain(
        'Directory listing',
      );
      expect(await curl(web, 'http://docs:8081/')).toContain('egress.denied');
      await scene.runtime.network.sever(web.id, server.id, 8080);
      await eventually('it is gone', async () =>
        (await curl(web, 'http://docs:8080/')).includes('egress.denied'),
      );
    });
  },
);
