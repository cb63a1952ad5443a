import { readdirSync, readFileSync } from 'node:fs';

/** Memory of a process, in MiB. */
export interface ProcessMemory {
  /** Proportional set size: a page that n processes share counts as an n-th for each. */
  readonly pssMiB: number;
  readonly rssMiB: number;
}

/** @throws when the process is gone. */
export function memoryOf(pid: number): ProcessMemory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(rollup)?.[1] ?? 0);
  return { pssMiB: kib('Pss') / 1024, rssMiB: kib('Rss') / 1024 };
}

/** Live processes whose control group or command line names a sandbox, and all that they started. */
export function processesOf(sandbox: string): number[] {
  const parents = parentsByPid();
  const own = new Set([...parents.keys()].filter((pid) => pid !== process.pid && isNamedBy(pid, sandbox)));
  for (let grew = true; grew;) {
    grew = false;
    for (const [pid, parent] of parents) {
      if (!own.has(parent) || own.has(pid)) continue;
      own.add(pid);
      grew = true;
    }
  }
  return [...own];
}

export function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may itself hold spaces and parentheses.
  const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(parent);
}

function parentsByPid(): Map<number, number> {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      parents.set(Number(name), parentOf(Number(name)));
    } catch {
      // It has ended meanwhile.
    }
  }
  return parents;
}

function isNamedBy(pid: number, sandbox: string): boolean {
  try {
    const texts = [readFileSync(`/proc/${pid}/cgroup`, 'utf8'), commandOf(pid)];
    return texts.some((text) => text.includes(sandbox));
  } catch {
    return false;
  }
}
