import { connectGuestChannel } from '@sovereign/guest';
import { channelContract, environmentOf, tierTest } from '@sovereign/testkit';
import { absenceOfFake, FirecrackerScene } from './scene.ts';

tierTest('bubblewrap', absenceOfFake(), () => {
  channelContract({
    name: 'vsock handshake',
    has: { kernel: true, pty: true, reconnect: true, hostSeesProcesses: true },
    floodBytes: 67_108_864,
    create: async () => {
      const scene = await FirecrackerScene.open();
      const guest = await scene.create(scene.backend());
      return {
        connect: async () => connectGuestChannel(await guest.connect()),
        workspacePath: scene.path('artifacts'),
        env: environmentOf(guest),
        outsidePath: '/proc/version',
        dispose: () => scene.dispose(),
      };
    },
  });
});
