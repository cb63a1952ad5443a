/**
 * A client that gives up root before it does anything: all that it does afterwards, an unprivileged user could do.
 *
 * Arguments: the user id, a workspace that is this user's. Prints what it found as one line of JSON.
 */
import { readFileSync } from 'node:fs';
import { Sovereign } from '@sovereign/sdk';

const [uid = '', workspace = ''] = process.argv.slice(2);
process.setgroups?.([]);
process.setgid?.(Number(uid));
process.setuid?.(Number(uid));

const client = await Sovereign.open({ via: 'rootless-test' });
const sandbox = await client.create({ tier: 'quilt', workspace });
const run = async (script: string): Promise<string> =>
  (await sandbox.exec({ command: 'sh', args: ['-c', script] })).stdoutText.trim();
const found = {
  hostUid: process.getuid?.(),
  hostCapabilities: /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1],
  type: sandbox.runtime.type,
  isIsolated: sandbox.runtime.isIsolated,
  insideUid: await run('id -u'),
  written: await run('echo inside > made && stat -c %u made'),
  shadow: await run('cat /etc/shadow 2>&1; cat /root/* 2>&1; true'),
  stopped: '',
  again: '',
};
await sandbox.stop({ graceMs: 0 });
found.stopped = await sandbox.status();
await sandbox.start();
found.again = await run('cat made');
const limited: unknown = await client
  .create({ tier: 'quilt', limits: { memoryBytes: 64 * 1_048_576 } })
  .then(async (other) => other.remove())
  .then(
    () => 'enforced',
    (error: unknown) => (error as { readonly reason?: string }).reason,
  );
await sandbox.remove();
const left = (await client.list()).sandboxes.length;
await client.close();
process.stdout.write(`${JSON.stringify({ ...found, limited, left })}\n`);
