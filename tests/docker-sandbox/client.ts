/** A process of its own on the same sandboxes: `create`, which says when it begins and waits to be killed, or `run ID SCRIPT`. */
import { createDockerSandboxBackend } from '@sovereign/backends';
import { connectGuestChannel, findShelld } from '@sovereign/guest';
import { createSandboxId, parseSandboxId } from '@sovereign/core';
import { collect, environmentOf, sandboxSpecForTest } from '@sovereign/testkit';

const [, , stateDirectory = '', programPath = '', act = '', id = '', script = ''] = process.argv;
const backend = createDockerSandboxBackend({ stateDirectory, programPath, shelldPath: findShelld() });
if (act === 'create') {
  process.stdout.write('begins\n');
  await backend.create({ ...sandboxSpecForTest(), id: createSandboxId() });
  process.stdout.write('made\n');
  setInterval(() => undefined, 1_000);
} else {
  const guest = await backend.attach(parseSandboxId(id));
  const channel = connectGuestChannel(await guest.connect());
  const request = {
    command: 'sh',
    args: ['-c', script],
    cwd: guest.workspacePath,
    env: environmentOf(guest),
  };
  process.stdout.write((await collect(channel.exec(request))).stdout);
  await channel.close();
}
