import { readFileSync } from 'node:fs';
import { processIdentity, type ProcessIdentity } from '@sovereign/core';

/** Clock ticks of /proc, which Linux gives to programs as 100 a second on every architecture (proc(5)). */
const tickUs = 10_000;

/** QEMU itself: the one child of the jail's first process. Undefined when it is gone. */
export function monitorPid(first: ProcessIdentity): ProcessIdentity | undefined {
  const children = read(`/proc/${first.pid}/task/${first.pid}/children`)?.trim().split(' ') ?? [];
  const pid = Number(children[0]);
  return Number.isSafeInteger(pid) && pid > 1 ? processIdentity(pid) : undefined;
}

/** Whether the machine stands still: a stopped monitor runs no guest code. */
export function isStopped(first: ProcessIdentity): boolean {
  const monitor = monitorPid(first);
  return monitor !== undefined && fieldsOf(monitor.pid)[0] === 'T';
}

/** Memory that the host holds for the machine, and the time that it has computed. */
export function machineUse(first: ProcessIdentity): { readonly memoryBytes: number; readonly cpuUs: number } {
  const monitor = monitorPid(first);
  if (monitor === undefined) return { memoryBytes: 0, cpuUs: 0 };
  const fields = fieldsOf(monitor.pid);
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${monitor.pid}/status`) ?? '')?.[1] ?? '0';
  return {
    memoryBytes: Number(kib) * 1024,
    cpuUs: (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * tickUs,
  };
}

/** Fields of /proc/PID/stat from the third on, the state. */
function fieldsOf(pid: number): readonly string[] {
  const stat = read(`/proc/${pid}/stat`) ?? '';
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
