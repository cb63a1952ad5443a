import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecRequest, GuestChannel, GuestProcess, ResolvedExec } from '@sovereign/core';
import { connectGuestChannel } from '@sovereign/guest';
import { collect, environmentOf, eventually, sandboxSpecForTest } from '@sovereign/testkit';
import type { TestTier } from '../support/tiers.ts';
import type { TaskProcess, TaskResult, TaskSandbox } from './task.ts';

/** A sandbox of a tier, spoken to through its channel. */
export async function openGuestSandbox(tier: TestTier): Promise<TaskSandbox> {
  const root = await mkdtemp(join(tmpdir(), 'svk-'));
  const [stateDir, runtimeDir, hostPath] = [join(root, 's'), join(root, 'r'), join(root, 'w')];
  for (const path of [stateDir, runtimeDir]) await mkdir(path, { mode: 0o700 });
  await mkdir(hostPath);
  const backend = tier.create({ stateDir, runtimeDir });
  const guest = await backend.create(sandboxSpecForTest({ workspace: { hostPath } }));
  const channel = connectGuestChannel(await guest.connect());
  const base = environmentOf(guest);
  return {
    workspacePath: guest.workspacePath,
    files: channel.files,
    exec: async (request) => {
      const { exit, stdout, stderr } = await collect(
        start(channel, base, guest.workspacePath, request),
        90_000,
      );
      return { exitCode: exit.exitCode, stdout, stderr };
    },
    start: async (request) => {
      const process = start(channel, base, guest.workspacePath, request, true);
      await process.started;
      return asTaskProcess(process);
    },
    dispose: async () => {
      await channel.close();
      await guest.remove();
      await backend.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

function start(
  channel: GuestChannel,
  base: readonly string[],
  workspacePath: string,
  request: ExecRequest,
  openStdin = false,
): GuestProcess {
  const { env = {}, stdin, cwd = workspacePath, ...rest } = request;
  if (stdin !== undefined && typeof stdin !== 'string' && !(stdin instanceof Uint8Array))
    throw new Error('tasks give bytes');
  const bytes = typeof stdin === 'string' ? Buffer.from(stdin) : stdin;
  const names = Object.keys(env);
  const kept = base.filter((entry) => !names.some((name) => entry.startsWith(`${name}=`)));
  const added = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  // A frame holds less than a mebibyte; what is larger is written as the guest takes it.
  const isLarge = bytes !== undefined && bytes.byteLength > 65_536;
  const exec: ResolvedExec = {
    ...rest,
    cwd,
    env: [...kept, ...added],
    ...(bytes === undefined || isLarge ? {} : { stdin: bytes }),
    openStdin: openStdin || isLarge,
  };
  const process = channel.exec(exec);
  if (isLarge) void feed(process, bytes);
  return process;
}

async function feed(process: GuestProcess, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += 65_536) await process.write(bytes.subarray(at, at + 65_536));
  await process.endStdin();
}

function asTaskProcess(process: GuestProcess): TaskProcess {
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
