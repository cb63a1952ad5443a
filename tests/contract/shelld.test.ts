import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectGuestChannel, connectUnixSocket, findShelld, streamOfStdioPair } from '@sovereign/guest';
import { channelContract, eventually, tierTest, type Absence, type ChannelSubject } from '@sovereign/testkit';

const env = ['PATH=/usr/local/bin:/usr/bin:/bin', 'HOME=/tmp', 'LC_ALL=C.UTF-8'];

const absence = ((): Absence => {
  try {
    findShelld();
    return { isMissing: false };
  } catch (error) {
    return { isMissing: true, reason: error instanceof Error ? error.message : String(error) };
  }
})();

/** shelld alone on the host, without confinement: what is tested is the conversation. */
tierTest('process', absence, () => {
  channelContract({
    name: 'shelld over a unix socket',
    has: { kernel: true, pty: true, reconnect: true, hostSeesProcesses: true },
    create: async () => {
      const place = await makePlace();
      const socketPath = join(place.root, 'shelld.sock');
      const child = spawn(findShelld(), ['serve', '--listen', socketPath, '--root', place.workspace], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      await eventually('shelld listens', () => existsSync(socketPath));
      return subject(place, child, async () => connectGuestChannel(await connectUnixSocket(socketPath)));
    },
  });

  channelContract({
    name: 'shelld over stdio',
    has: { kernel: true, pty: true, reconnect: false, hostSeesProcesses: true },
    floodBytes: 134_217_728,
    create: async () => {
      const place = await makePlace();
      const child = spawn(findShelld(), ['serve', '--stdio', '--root', place.workspace], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const { stdin, stdout } = child;
      return subject(place, child, () =>
        Promise.resolve(connectGuestChannel(streamOfStdioPair({ input: stdout, output: stdin }))),
      );
    },
  });
});

interface Place {
  readonly root: string;
  readonly workspace: string;
  readonly outside: string;
}

async function makePlace(): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), 'svs-'));
  const workspace = join(root, 'workspace');
  const outside = join(root, 'outside');
  await mkdir(workspace);
  await writeFile(outside, 'outside');
  return { root, workspace, outside };
}

function subject(place: Place, child: ChildProcess, connect: ChannelSubject['connect']): ChannelSubject {
  return {
    connect,
    workspacePath: place.workspace,
    env,
    outsidePath: place.outside,
    dispose: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      await rm(place.root, { recursive: true, force: true });
    },
  };
}
