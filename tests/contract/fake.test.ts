import { connectGuestChannel } from '@sovereign/guest';
import {
  backendContract,
  channelContract,
  createFakeBackend,
  environmentOf,
  sandboxSpecForTest,
  type FakeGuest,
} from '@sovereign/testkit';
import type { SandboxId } from '@sovereign/core';

/** Guests by state directory: a second backend on the same one is the same backend after its restart. */
const guestsByStateDir = new Map<string, Map<SandboxId, FakeGuest>>();

backendContract({
  name: 'fake',
  hasKernel: false,
  hostSeesProcesses: false,
  openChannel: (stream) => connectGuestChannel(stream),
  create: ({ stateDir }) => {
    const guests = guestsByStateDir.get(stateDir) ?? new Map<SandboxId, FakeGuest>();
    guestsByStateDir.set(stateDir, guests);
    return Promise.resolve(createFakeBackend({ guests, createMs: 10 }));
  },
});

backendContract({
  name: 'fake without abilities',
  hasKernel: false,
  hostSeesProcesses: false,
  openChannel: (stream) => connectGuestChannel(stream),
  create: () =>
    Promise.resolve(
      createFakeBackend({
        capabilities: {
          isPersistent: false,
          canStop: false,
          canPause: false,
          canSetLimits: false,
          canStats: false,
        },
      }),
    ),
});

for (const chunkBytes of [undefined, 1021]) {
  channelContract({
    name: chunkBytes === undefined ? 'fake' : `fake, in pieces of ${chunkBytes} bytes`,
    has: { kernel: false, pty: false, reconnect: true, hostSeesProcesses: false },
    floodBytes: chunkBytes === undefined ? 268_435_456 : 8_388_608,
    create: async () => {
      const backend = createFakeBackend(chunkBytes === undefined ? {} : { chunkBytes });
      const guest = await backend.create(sandboxSpecForTest());
      for (const fake of backend.guests.values())
        fake.machine.files.put('/outside/file', Buffer.from('outside'), 0o644);
      return {
        connect: async () => connectGuestChannel(await guest.connect()),
        workspacePath: guest.workspacePath,
        env: environmentOf(guest),
        outsidePath: '/outside/file',
        dispose: () => guest.remove(),
      };
    },
  });
}
