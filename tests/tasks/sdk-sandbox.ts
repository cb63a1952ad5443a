import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Sovereign, type Sandbox } from '@sovereign/sdk';
import { eventually } from '@sovereign/testkit';
import type { TaskProcess, TaskResult, TaskSandbox } from './task.ts';

/** The way a program of a user takes: sdk, policy, ledger, runtime, backend. */
export async function openSdkSandbox(tier: 'process' | 'quilt'): Promise<TaskSandbox> {
  const root = await mkdtemp(join(tmpdir(), 'svd-'));
  const [home, path] = [join(root, 'h'), join(root, 'w')];
  await mkdir(home, { mode: 0o700 });
  await mkdir(path);
  const client = await Sovereign.open({ home });
  const sandbox = await client.create({ tier, workspace: { path } });
  return {
    workspacePath: sandbox.workspacePath,
    files: {
      read: (name, range) => sandbox.files.stream(name, range),
      write: (name, content, options) => sandbox.files.write(name, content, options),
      stat: (name, options) => sandbox.files.stat(name, options),
      list: (name, page) => sandbox.files.list(name, page),
      makeDirectory: (name, options) => sandbox.files.makeDirectory(name, options),
      rename: (from, to, options) => sandbox.files.rename(from, to, options),
      remove: (name, options) => sandbox.files.remove(name, options),
      watch: (name, signal) => sandbox.files.watch(name, signal),
    },
    exec: (request) => sandbox.exec(request),
    start: async (request) => asTaskProcess(await sandbox.spawn({ ...request, openStdin: true })),
    dispose: async () => {
      await sandbox.remove();
      await client.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function asTaskProcess(process: Awaited<ReturnType<Sandbox['spawn']>>): TaskProcess {
  let [out, err] = ['', ''];
  const follow = async (): Promise<TaskResult> => {
    for await (const { stream, data } of process) {
      const text = Buffer.from(data).toString('utf8');
      if (stream === 'stdout') out += text;
      else err += text;
    }
    return { code: (await process.exit).exitCode, out, err };
  };
  return {
    ended: follow(),
    write: (text) => process.write(Buffer.from(text)),
    endStdin: () => process.endStdin(),
    signal: (name) => process.signal(name),
    until: (pattern) => eventually(String(pattern), () => pattern.test(out) && out),
  };
}
