import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { hostProcesses, networkNamespaceOf } from './host-processes.ts';

/**
 * What a test could leave behind. Another program of the host may come and go meanwhile, so only what carries one of
 * the marks of this test counts; `isWhole` counts everything, for a machine that does nothing else.
 */
export interface LeakScope {
  /** Texts that mark what belongs to the test: sandbox ids, state and runtime directories. */
  readonly marks: () => readonly string[];
  /** Directories that have to look afterwards as they did before. */
  readonly directories?: readonly string[];
  /** Default: true when SOVEREIGN_LEAKS=whole. */
  readonly isWhole?: boolean;
}

/** Everything in scope at one moment, each thing as one line for people. */
export interface LeakSnapshot {
  readonly processes: readonly string[];
  readonly zombies: readonly string[];
  readonly mounts: readonly string[];
  readonly cgroups: readonly string[];
  readonly networkNamespaces: readonly string[];
  readonly networkDevices: readonly string[];
  readonly sockets: readonly string[];
  readonly files: readonly string[];
  readonly descriptors: readonly string[];
}

/** Looks at processes, mounts, cgroups, networks, sockets, files and our own descriptors. Linux only. */
export async function leakSnapshot(scope: LeakScope): Promise<LeakSnapshot> {
  const isWhole = scope.isWhole ?? process.env['SOVEREIGN_LEAKS'] === 'whole';
  const marks = scope.marks();
  const isOurs = (line: string): boolean => isWhole || marks.some((mark) => line.includes(mark));
  const [processes, mounts, cgroups, sockets, files, descriptors, devices] = await Promise.all([
    describeProcesses(),
    lines('/proc/self/mountinfo'),
    directoriesBelow('/sys/fs/cgroup', 8),
    lines('/proc/net/unix'),
    Promise.all((scope.directories ?? []).map(entriesBelow)),
    ownDescriptors(),
    lines('/proc/net/dev'),
  ]);
  const ours = processes.filter(({ line, isChildOfOurs }) => isOurs(line) || (isWhole && isChildOfOurs));
  return {
    processes: ours.map(({ line }) => line),
    zombies: processes
      .filter(({ isZombie, isChildOfOurs }) => isZombie && isChildOfOurs)
      .map(({ line }) => line),
    mounts: mounts.filter(isOurs).map((line) => line.split(' ').slice(3).join(' ')),
    cgroups: cgroups.filter(isOurs),
    networkNamespaces: isWhole ? [...new Set(processes.map(({ network }) => network))].sort() : [],
    networkDevices: isWhole ? devices.slice(2).map((line) => line.trim().split(':')[0] ?? '') : [],
    sockets: sockets
      .filter((line) => line.includes('/') && isOurs(line))
      .map((line) => line.slice(line.indexOf('/'))),
    files: files.flat(),
    descriptors: descriptors.filter(isOurs),
  };
}

/** What is there now and was not there before, one line each; empty when nothing was left behind. */
export function leaksBetween(before: LeakSnapshot, after: LeakSnapshot): readonly string[] {
  return (Object.keys(after) as (keyof LeakSnapshot)[]).flatMap((kind) => {
    const known = new Map<string, number>();
    for (const line of before[kind]) known.set(line, (known.get(line) ?? 0) + 1);
    return after[kind].flatMap((line) => {
      const count = known.get(line) ?? 0;
      if (count > 0) known.set(line, count - 1);
      return count > 0 ? [] : [`${kind}: ${line}`];
    });
  });
}

/** Fails with a list of what was left behind. Waits at most `deadlineMs` for the kernel to let go of the last of it. */
export async function expectNothingLeft(
  before: LeakSnapshot,
  scope: LeakScope,
  deadlineMs = 2_000,
): Promise<void> {
  let leaks: readonly string[] = [];
  try {
    await eventually(
      'nothing is left',
      async () => {
        leaks = leaksBetween(before, await leakSnapshot(scope));
        return leaks.length === 0;
      },
      deadlineMs,
    );
  } catch {
    throw new Error(`left behind:\n  ${leaks.join('\n  ')}`);
  }
}

interface DescribedProcess {
  readonly line: string;
  readonly isZombie: boolean;
  readonly isChildOfOurs: boolean;
  readonly network: string;
}

async function describeProcesses(): Promise<readonly DescribedProcess[]> {
  const all = await hostProcesses();
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const isBelowUs = (pid: number): boolean => {
    for (let at = parents.get(pid); at !== undefined && at > 1; at = parents.get(at))
      if (at === process.pid) return true;
    return false;
  };
  const others = all.filter(({ pid }) => pid !== process.pid);
  return Promise.all(
    others.map(async ({ pid, startTime, command, state }) => {
      const place = await Promise.all([
        readlink(`/proc/${pid}/cwd`).catch(() => ''),
        readlink(`/proc/${pid}/root`).catch(() => ''),
        readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => ''),
        readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
      ]);
      const marked = place.map((text) => text.replaceAll(/[\0\n]/g, ' ')).join(' ');
      return {
        line: `${pid} (started ${startTime}, ${state === 'Z' ? 'zombie' : 'alive'}) ${command} · ${marked}`,
        isZombie: state === 'Z',
        isChildOfOurs: isBelowUs(pid),
        network: (await networkNamespaceOf(pid)) ?? '',
      };
    }),
  );
}

async function lines(path: string): Promise<readonly string[]> {
  return (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
}

async function directoriesBelow(path: string, depth: number): Promise<readonly string[]> {
  if (depth === 0) return [];
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const directories = entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name));
  const deeper = await Promise.all(directories.map((directory) => directoriesBelow(directory, depth - 1)));
  return [...directories, ...deeper.flat()];
}

async function entriesBelow(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const deeper = await Promise.all(
    entries.map(async (entry) => {
      const name = join(path, entry.name);
      return [name, ...(entry.isDirectory() ? await entriesBelow(name) : [])];
    }),
  );
  return deeper.flat();
}

async function ownDescriptors(): Promise<readonly string[]> {
  const names = await readdir('/proc/self/fd').catch(() => []);
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return targets.filter((target) => target !== '').sort();
}
