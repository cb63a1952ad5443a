import { readdir, readFile, readlink } from 'node:fs/promises';

/** A process as the host's kernel shows it, whatever namespace it lives in. */
export interface HostProcess {
  readonly pid: number;
  readonly parent: number;
  /** One letter of proc(5): R, S, D, Z, T … */
  readonly state: string;
  /** With the start time, a pid is an identity. */
  readonly startTime: string;
  readonly command: string;
}

/** Every process of the host. One that ends while it is looked at is left out. */
export async function hostProcesses(): Promise<readonly HostProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => readHostProcess(Number(pid))));
  return found.filter((process) => process !== undefined);
}

export async function readHostProcess(pid: number): Promise<HostProcess | undefined> {
  try {
    const [stat, command] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    const { name, ...rest } = parseProcessStat(stat);
    return { ...rest, command: command === '' ? `[${name}]` : command.replaceAll('\0', ' ').trim() };
  } catch {
    return undefined;
  }
}

/** The line of `/proc/PID/stat` (proc(5)): the name in parentheses may itself hold spaces and parentheses. */
export function parseProcessStat(stat: string): Omit<HostProcess, 'command'> & { readonly name: string } {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    pid: Number.parseInt(stat, 10),
    name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    startTime: fields[19] ?? '',
  };
}

/** Processes whose command line holds `marker`: the verdict from outside on what lives and what is dead. */
export async function hostProcessesNamed(marker: string): Promise<readonly HostProcess[]> {
  const all = await hostProcesses();
  return all.filter(
    ({ command, state, pid }) => pid !== process.pid && state !== 'Z' && command.includes(marker),
  );
}

/** The network namespace of a process, as `net:[…]`; undefined when it may not be read. */
export async function networkNamespaceOf(pid: number): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/net`).catch(() => undefined);
}

let lastMarker = 0;

/**
 * A number of seconds for sleep(1) that nothing else on the host sleeps: found in command lines from outside.
 * About four months, so that whatever still sleeps was not killed.
 */
export function uniqueSleep(): string {
  lastMarker += 1;
  return `1${process.pid % 1_000_000}.${Date.now() % 1_000_000_000}${String(lastMarker).padStart(3, '0')}`;
}
