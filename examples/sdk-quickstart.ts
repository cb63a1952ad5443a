/**
 * The SDK in one minute. From the repository:
 *
 *     npx tsx --conditions=@sovereign/source examples/sdk-quickstart.ts
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Sandbox } from '@sovereign/sdk';

const hostPath = await mkdtemp(join(tmpdir(), 'quickstart-'));
const sandbox = await Sandbox.create({ workspace: { path: hostPath } });
try {
  console.log(sandbox.runtimeLine);

  // A program by argv: nothing is quoted, nothing is guessed.
  const python = await sandbox.exec({ command: 'python3', args: ['-c', 'print(6 * 7)'] });
  console.log('python says', python.stdoutText.trim());

  // A shell, when a shell is meant.
  const words = await sandbox.commands.run("printf 'b\\na\\n' | sort | tee sorted.txt");
  console.log('sorted', words.stdoutText.trim().split('\n'));

  // The workspace is the same directory inside and outside.
  console.log('on the host', JSON.stringify(await readFile(join(hostPath, 'sorted.txt'), 'utf8')));

  // How a command ended is data.
  const slow = await sandbox.exec({ command: 'sleep', args: ['60'], timeoutMs: 200 });
  console.log('slow command', slow.cause, slow.exitCode);
} finally {
  await sandbox.remove();
  await rm(hostPath, { recursive: true, force: true });
}
