import { readFileSync } from 'node:fs';

/** Names one process for good: a pid comes back, a pid with its start time and boot does not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot (proc_pid_stat(5), field 22). */
  readonly startTicks: number;
  readonly bootId: string;
}

let cachedBootId: string | undefined;

/** Random id of this boot of the kernel, 32 hexadecimal digits; `none` where there is no /proc. */
export function bootId(): string {
  cachedBootId ??= readBootId();
  return cachedBootId;
}

/** The process that has this pid now; undefined when there is none, or a zombie: it runs nothing any more. */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything, so fields are counted from behind it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, ticks] = [fields?.[0], Number(fields?.[19])];
  if (state === 'Z' || state === 'X' || !Number.isSafeInteger(ticks)) return undefined;
  return { pid, startTicks: ticks, bootId: bootId() };
}

/** Whether that very process still lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identity.bootId === bootId() && processIdentity(identity.pid)?.startTicks === identity.startTicks;
}

/** Whether two identities name one process, living or not. */
export function isSameProcess(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return one.pid === other.pid && one.startTicks === other.startTicks && one.bootId === other.bootId;
}

/**
 * Sends a signal to that very process; false when it is gone.
 *
 * The pid cannot be reused between check and signal unless the kernel hands out every other pid within those
 * microseconds; Node has no pidfd_send_signal(2).
 */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

function readBootId(): string {
  const id = read('/proc/sys/kernel/random/boot_id')?.trim().replaceAll('-', '') ?? '';
  return /^[0-9a-f]{32}$/.test(id) ? id : 'none';
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
