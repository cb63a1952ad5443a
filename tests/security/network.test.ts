import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { tierTest, verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { probeTiers, type TestTier } from '../support/tiers.ts';
import { inSandbox } from './scene.ts';

/** Who a sandbox can reach. The verdict is a listener on the host that counts who came. */
for (const { tier, absence } of await probeTiers()) {
  tierTest(tier.need, absence, () => network(tier));
}

interface Listener {
  readonly server: Server;
  readonly count: () => number;
}

async function listen(
  where: { readonly host: string; readonly port: number } | { readonly path: string },
): Promise<Listener> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.end('reached');
  });
  server.listen(where);
  await once(server, 'listening');
  return { server, count: () => count };
}

const connectTo = `import socket, sys
for address in sys.argv[2:]:
    try:
        s = socket.socket(socket.AF_UNIX if sys.argv[1] == "unix" else socket.AF_INET)
        s.settimeout(3)
        s.connect(address if sys.argv[1] == "unix" else (address.split(":")[0], int(address.split(":")[1])))
        print("answer", s.recv(100).decode())
    except OSError as error:
        print("refused", error)`;

function network(tier: TestTier): void {
  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: TCP on the host's loopback and address is not reached; loopback inside works`,
    async () => {
      const listener = await listen({ host: '0.0.0.0', port: 0 });
      const address = listener.server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      try {
        await inSandbox(tier, async ({ python }) => {
          const { networkInterfaces } = await import('node:os');
          const own = Object.values(networkInterfaces())
            .flatMap((each) => each ?? [])
            .filter(({ family }) => family === 'IPv4');
          const { out } = await python(
            connectTo,
            'tcp',
            ...own.map((each) => `${each.address}:${port}`),
            `127.0.0.1:${port}`,
          );
          expect(out).not.toContain('answer');
          expect(listener.count()).toBe(0);
          const inside = `import socket, threading\ns = socket.create_server(("127.0.0.1", 0))\nthreading.Thread(target=lambda: s.accept()[0].sendall(b"inside")).start()\nprint(socket.create_connection(s.getsockname()).recv(10).decode())`;
          if (tier.name !== 'process without bubblewrap') expect((await python(inside)).out).toBe('inside\n');
        });
      } finally {
        listener.server.close();
      }
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: with network host, the twin, the same listener is reached`,
    async () => {
      const listener = await listen({ host: '127.0.0.1', port: 0 });
      const address = listener.server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      try {
        await inSandbox(
          tier,
          async ({ python }) => {
            expect((await python(connectTo, 'tcp', `127.0.0.1:${port}`)).out).toBe('answer reached\n');
            expect(listener.count()).toBe(1);
          },
          { network: 'host' },
        );
      } finally {
        listener.server.close();
      }
    },
  );

  verifies(['R-TIER-1', 'R-TIER-3'], `${tier.name}: a datagram to the host does not arrive`, async () => {
    const socket = createSocket('udp4');
    let count = 0;
    socket.on('message', () => (count += 1));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    try {
      await inSandbox(tier, async ({ python, channel }) => {
        await python(
          `import socket, sys\ntry: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(sys.argv[1])))\nexcept OSError: pass`,
          String(socket.address().port),
        );
        await channel.ping();
        expect(count).toBe(0);
      });
      const own = createSocket('udp4');
      const arrived = once(socket, 'message');
      own.send('x', socket.address().port, '127.0.0.1', () => own.close());
      await arrived;
      expect(count).toBe(1);
    } finally {
      socket.close();
    }
  });

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: unix sockets of the host, Docker's among them, are out of reach; one in the sandbox works`,
    async () => {
      await inSandbox(tier, async ({ python, hostPrivate, sh }) => {
        const path = join(hostPrivate, 'sock');
        const abstractName = `sovereign-${process.pid}-${Date.now()}`;
        const [named, abstract] = [await listen({ path }), await listen({ path: `\0${abstractName}` })];
        try {
          const { out } = await python(
            connectTo,
            'unix',
            path,
            `/proc/1/root${path}`,
            '/var/run/docker.sock',
            '/run/docker.sock',
            '/run/dbus/system_bus_socket',
            '/run/systemd/private',
            `@${abstractName}`,
          );
          expect(out).not.toContain('answer');
          await python(
            `import socket, sys\ns = socket.socket(socket.AF_UNIX)\ntry: s.connect(bytes([0]) + sys.argv[1].encode())\nexcept OSError: pass`,
            abstractName,
          );
          expect([named.count(), abstract.count()]).toEqual([0, 0]);
          expect(
            (await sh('ls -d /var/run/docker.sock /run/docker.sock 2>/dev/null | wc -l')).out.trim(),
          ).toBe('0');
          const inside = `import socket, threading, os\nos.chdir("/tmp")\ns = socket.socket(socket.AF_UNIX); s.bind("mine"); s.listen()\nthreading.Thread(target=lambda: s.accept()[0].sendall(b"inside")).start()\nc = socket.socket(socket.AF_UNIX); c.connect("mine"); print(c.recv(10).decode()); os.unlink("mine")`;
          expect((await python(inside)).out).toBe('inside\n');
        } finally {
          named.server.close();
          abstract.server.close();
        }
      });
    },
  );

  verifies(
    ['R-TIER-1', 'R-TIER-3'],
    `${tier.name}: the network namespace is not the host's, and other families are refused`,
    async () => {
      await inSandbox(tier, async ({ sh, python }) => {
        const { out } = await sh(
          'readlink /proc/self/ns/net; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "',
        );
        const [namespace, ...devices] = out.trim().split('\n');
        expect(namespace).not.toBe(await readlink('/proc/self/ns/net'));
        expect(devices.filter((device) => device !== 'lo')).toEqual([]);
        const families = `import socket\nfor family, kind in ((17, 3), (40, 1), (38, 5), (16, 3)):\n    try: socket.socket(family, kind); print("made", family)\n    except OSError: pass`;
        const made = (await python(families)).out;
        for (const family of ['made 17', 'made 40', 'made 38'])
          expect(made.split('\n')).not.toContain(family);
      });
    },
  );
}
