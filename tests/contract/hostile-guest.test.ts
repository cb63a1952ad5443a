import type { GuestChannel, SandboxSpec } from '@sovereign/core';
import { connectGuestChannel } from '@sovereign/guest';
import {
  collect,
  createFakeBackend,
  environmentOf,
  sandboxSpecForTest,
  verifies,
  within,
  type ChannelFailure,
  type FakeBackend,
} from '@sovereign/testkit';
import { describe, expect } from 'vitest';

/** The guest is hostile: what it does wrong ends its own channel with a typed error, and touches nobody else's. */
describe('a hostile or broken guest', () => {
  const open = async (backend: FakeBackend, spec: SandboxSpec): Promise<GuestChannel> => {
    const guest = await backend.create(spec);
    return connectGuestChannel(await guest.connect(), { welcomeTimeoutMs: 300 });
  };
  const run = (channel: GuestChannel): Promise<unknown> =>
    collect(channel.exec({ command: 'echo', args: ['hello'], cwd: '/workspace', env: ['PATH=/bin'] }));

  const expected: readonly (readonly [ChannelFailure, string])[] = [
    ['garbage', 'channel.protocol'],
    ['oversized', 'channel.protocol'],
    ['wrong-side', 'channel.protocol'],
    ['silent', 'channel.timeout'],
  ];
  for (const [failure, reason] of expected) {
    verifies(
      'R-TIER-9',
      `${failure}: the channel ends with ${reason}, and so does every call on it`,
      async () => {
        const [broken, sound] = [createFakeBackend(), createFakeBackend()];
        broken.failures.channel = failure;
        const [channel, neighbour] = [
          await open(broken, sandboxSpecForTest()),
          await open(sound, sandboxSpecForTest()),
        ];
        const call = run(channel);
        await expect(within('the call', call)).rejects.toMatchObject({ reason });
        await expect(within('the welcome', channel.welcome)).rejects.toMatchObject({ reason });
        expect(await within('closed', channel.closed)).toMatchObject({ reason });
        expect(await run(neighbour)).toMatchObject({ stdout: Buffer.from('hello\n') });
        await neighbour.close();
      },
    );
  }

  verifies(
    'R-TIER-9',
    'a guest that never answers ping is given up by signal, and still serves other calls',
    async () => {
      const backend = createFakeBackend();
      backend.failures.channel = 'no-pong';
      const channel = await open(backend, sandboxSpecForTest());
      await expect(within('ping', channel.ping(AbortSignal.timeout(100)))).rejects.toThrow();
      expect(await run(channel)).toMatchObject({ stdout: Buffer.from('hello\n') });
      await channel.close();
    },
  );

  verifies(
    'R-EXEC-5',
    'a guest that dies in the middle fails what was under way with channel.closed',
    async () => {
      const backend = createFakeBackend();
      const channel = await open(backend, sandboxSpecForTest());
      await channel.welcome;
      backend.failures.channel = 'dies';
      await expect(within('the call', run(channel))).rejects.toMatchObject({ reason: 'channel.closed' });
      expect(await within('closed', channel.closed)).toBeInstanceOf(Error);
    },
  );

  verifies('R-EXEC-5', 'a crashed guest is broken, and what ran is known to be lost', async () => {
    const backend = createFakeBackend();
    const guest = await backend.create(sandboxSpecForTest());
    const channel = connectGuestChannel(await guest.connect());
    const process = channel.exec({
      command: 'sleep',
      args: ['1000'],
      cwd: '/workspace',
      env: environmentOf(guest),
    });
    await process.started;
    const exit = expect(process.exit).rejects.toMatchObject({ reason: 'channel.closed' });
    for (const fake of backend.guests.values()) fake.crash();
    await exit;
    expect(await guest.status()).toBe('broken');
    await guest.remove();
  });
});
