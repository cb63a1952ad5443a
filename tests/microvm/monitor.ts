import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** Has QEMU's monitor do something, and waits until it has. */
export async function sendToMonitor(socketPath: string, command: string): Promise<void> {
  const socket = connect(socketPath);
  try {
    await once(socket, 'connect');
    for (const execute of ['qmp_capabilities', command])
      socket.write(`${JSON.stringify({ execute, id: execute })}\n`);
    for await (const line of createInterface({ input: socket })) {
      const { id, error } = JSON.parse(line) as { readonly id?: string; readonly error?: unknown };
      if (error !== undefined) throw new Error(`${command}: ${line}`);
      if (id === command) return;
    }
    throw new Error(`the monitor ended before ${command}`);
  } finally {
    socket.destroy();
  }
}
