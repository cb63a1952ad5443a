import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** Has QEMU's monitor do something, and returns what it answers when it has. */
export async function sendToMonitor(socketPath: string, command: string): Promise<unknown> {
  const socket = connect(socketPath);
  try {
    await once(socket, 'connect');
    for (const execute of ['qmp_capabilities', command])
      socket.write(`${JSON.stringify({ execute, id: execute })}\n`);
    for await (const line of createInterface({ input: socket })) {
      const message = JSON.parse(line) as Readonly<Record<'id' | 'error' | 'return', unknown>>;
      const { id, error, return: answer } = message;
      if (error !== undefined) throw new Error(`${command}: ${line}`);
      if (id === command) return answer;
    }
    throw new Error(`the monitor ended before ${command}`);
  } finally {
    socket.destroy();
  }
}
