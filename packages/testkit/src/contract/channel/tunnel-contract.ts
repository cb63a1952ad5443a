import { randomBytes } from 'node:crypto';
import type { IncomingTunnel, Tunnel, TunnelListener } from '@sovereign/core';
import { expect, test } from 'vitest';
import { eventually, within } from '../eventually.ts';
import { verifies } from '../../requirements/verifies.ts';
import type { ChannelSuite } from './channel-subject.ts';

/** A listener inside, and what came to it. */
interface Door {
  readonly listener: TunnelListener;
  next(): Promise<IncomingTunnel>;
}

async function door(suite: ChannelSuite, names: readonly string[] = []): Promise<Door> {
  const arrived: IncomingTunnel[] = [];
  const listener = await suite.channel.tunnels.listen({
    address: { kind: 'tcp', port: 0, host: '127.77.0.1' },
    backlog: 4,
    names,
    onConnection: (incoming) => arrived.push(incoming),
  });
  return {
    listener,
    next: async () => {
      await eventually('a connection arrives', () => arrived.length > 0);
      const incoming = arrived.shift();
      if (incoming === undefined) throw new Error('nothing arrived');
      return incoming;
    },
  };
}

/** Both ends of one connection in the guest's loopback, each through a tunnel of its own. */
async function pair(suite: ChannelSuite, at: Door): Promise<readonly [near: Tunnel, far: Tunnel]> {
  const near = await suite.channel.tunnels.dial({ kind: 'tcp', port: at.listener.port, host: '127.77.0.1' });
  return [near, await (await at.next()).accept()];
}

async function readAll(tunnel: Tunnel): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of tunnel) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

/** Tunnels into a guest and out of it, over its loopback: no program inside is needed. */
export function tunnelContract(suite: ChannelSuite): void {
  test('a guest without a network says so', async (context) => {
    if (suite.has.kernel) context.skip('this guest has loopback');
    const { tunnels } = suite.channel;
    const missing = { reason: 'capability.missing' };
    await expect(tunnels.dial({ kind: 'tcp', port: 80 })).rejects.toMatchObject(missing);
    const address = { kind: 'tcp', port: 0 } as const;
    await expect(tunnels.listen({ address, onConnection: () => undefined })).rejects.toMatchObject(missing);
  });

  verifies('R-NEW-2', 'bytes go both ways, exactly, and each side ends by itself', async (context) => {
    suite.needs(context, 'kernel');
    const at = await door(suite);
    const [near, far] = await pair(suite, at);
    const up = randomBytes(3_000_000);
    const down = randomBytes(2_000_000);
    const [gotUp, gotDown] = await Promise.all([
      readAll(far).then(async (bytes) => {
        await far.write(down);
        far.end();
        return bytes;
      }),
      readAll(near),
      near.write(up).then(() => {
        near.end();
      }),
    ]);
    expect(gotUp.equals(up)).toBe(true);
    expect(gotDown.equals(down)).toBe(true);
    expect(await near.closed).toBeUndefined();
    expect(await far.closed).toBeUndefined();
    await at.listener.close();
  });

  verifies('R-NEW-2', 'a connection that is cut off breaks at the other end', async (context) => {
    suite.needs(context, 'kernel');
    const at = await door(suite);
    const [near, far] = await pair(suite, at);
    await near.write(Buffer.from('half of it'));
    near.reset();
    await expect(readAll(far)).rejects.toMatchObject({ reason: 'tunnel.reset' });
    await expect(near.write(Buffer.from('x'))).rejects.toMatchObject({ reason: 'tunnel.reset' });
    await at.listener.close();
  });

  test('what nobody reads stays with its sender, and stalls nobody else', async (context) => {
    suite.needs(context, 'kernel');
    const at = await door(suite);
    const [near, far] = await pair(suite, at);
    let sent = 0;
    const flood = (async () => {
      for (;;) {
        await near.write(new Uint8Array(65_536));
        sent += 65_536;
      }
    })();
    flood.catch(() => undefined);
    let last = -1;
    await eventually('the sender waits', async () => {
      await suite.channel.ping();
      const isStill = sent === last && sent > 0;
      last = sent;
      return isStill;
    });
    expect(sent).toBeLessThan(64 * 1_048_576);
    expect((await suite.sh('echo on')).stdout.toString()).toBe('on\n');
    far.reset();
    await expect(flood).rejects.toMatchObject({ reason: 'tunnel.reset' });
    await at.listener.close();
  });

  test('a refused connection and a port that nobody serves', async (context) => {
    suite.needs(context, 'kernel');
    const at = await door(suite);
    const near = await suite.channel.tunnels.dial({
      kind: 'tcp',
      port: at.listener.port,
      host: '127.77.0.1',
    });
    (await at.next()).refuse();
    await expect(readAll(near)).rejects.toMatchObject({ reason: 'tunnel.reset' });
    const { port } = at.listener;
    await at.listener.close();
    expect(await at.listener.closed).toBeUndefined();
    await expect(suite.channel.tunnels.dial({ kind: 'tcp', port, host: '127.77.0.1' })).rejects.toMatchObject(
      {
        reason: 'tunnel.refused',
      },
    );
  });

  verifies('R-NEW-2', 'a tunnel leads to loopback and nowhere else', async (context) => {
    suite.needs(context, 'kernel');
    for (const host of ['0.0.0.0', '10.0.0.1', '169.254.169.254', '::ffff:127.0.0.1', 'localhost', '127.1']) {
      await expect(suite.channel.tunnels.dial({ kind: 'tcp', port: 80, host })).rejects.toMatchObject({
        reason: 'argument.invalid',
      });
    }
    const at = await door(suite);
    const [near] = await within('its twin on loopback', pair(suite, at));
    near.reset();
    await at.listener.close();
  });

  test('a port that is taken', async (context) => {
    suite.needs(context, 'kernel');
    const at = await door(suite);
    const address = { kind: 'tcp', port: at.listener.port, host: '127.77.0.1' } as const;
    await expect(
      suite.channel.tunnels.listen({ address, onConnection: () => undefined }),
    ).rejects.toMatchObject({ reason: 'port.taken' });
    await at.listener.close();
  });
}
