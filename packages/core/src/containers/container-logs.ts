import type { ProcessInfo } from '../contract/exec.ts';
import { BoundedOutput } from '../output/bounded-output.ts';
import { checkWhole } from '../runtime/argument-checks.ts';
import type { SandboxHandle } from '../runtime/sandbox-handle.ts';

export interface LogOptions {
  /**
   * Only this process. Default: every process that has ended.
   *
   * A process has one follower: whoever follows a running one loses it to this call. So one that runs is only read when
   * it is named; without a name it is listed and not read.
   */
  readonly process?: number;
  /** At most so much from the end of each stream. Default 65,536; never more than 4 MiB, what a guest retains. */
  readonly tailBytes?: number;
}

/** The retained output of one process. */
export interface ProcessLog extends ProcessInfo {
  /** False for one that runs and was not named. */
  readonly isRead: boolean;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

const defaultTailBytes = 65_536;
const maxTailBytes = 4 * 1024 * 1024;
const nothing = new Uint8Array(0);

export async function readLogs(handle: SandboxHandle, options: LogOptions): Promise<readonly ProcessLog[]> {
  const { process, tailBytes = defaultTailBytes } = options;
  checkWhole('tailBytes', tailBytes, { min: 1, max: maxTailBytes });
  if (process !== undefined) checkWhole('process', process, { min: 1, max: 0xffff_ffff });
  const logs: ProcessLog[] = [];
  const found = await handle.processes();
  const wanted = process === undefined ? found : found.filter((info) => info.process === process);
  // A process that is gone is refused by the guest with its own error.
  if (process !== undefined && wanted.length === 0) await handle.attachProcess(process);
  for (const info of wanted) {
    if (info.isRunning && process === undefined)
      logs.push({ ...info, isRead: false, stdout: nothing, stderr: nothing });
    else logs.push({ ...info, isRead: true, ...(await readOne(handle, info, tailBytes)) });
  }
  return logs;
}

/** To where the process stood when it was asked for. */
async function readOne(
  handle: SandboxHandle,
  info: ProcessInfo,
  tailBytes: number,
): Promise<{ readonly stdout: Uint8Array; readonly stderr: Uint8Array }> {
  const bounds = { headBytes: 0, tailBytes };
  const kept = { stdout: new BoundedOutput(bounds), stderr: new BoundedOutput(bounds) };
  const isThere = { stdout: info.stdoutBytes === 0, stderr: info.stderrBytes === 0 };
  if (isThere.stdout && isThere.stderr) return { stdout: nothing, stderr: nothing };
  const cursors = {
    stdout: Math.max(0, info.stdoutBytes - tailBytes),
    stderr: Math.max(0, info.stderrBytes - tailBytes),
  };
  const followed = await handle.attachProcess(info.process, { cursors });
  for await (const { stream, data, cursor } of followed) {
    kept[stream].push(data);
    isThere[stream] ||= cursor >= (stream === 'stdout' ? info.stdoutBytes : info.stderrBytes);
    if (isThere.stdout && isThere.stderr) break;
  }
  if (info.isRunning) await followed.detach();
  return { stdout: kept.stdout.finish().bytes, stderr: kept.stderr.finish().bytes };
}
