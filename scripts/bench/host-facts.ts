import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import process from 'node:process';

/** What a figure depends on beside our code. */
export interface HostFacts {
  readonly kernel: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly node: string;
  readonly isRoot: boolean;
  readonly cgroups: 'v1' | 'v2' | 'hybrid' | 'none';
  /** Runnable processes over the last minute when the run began: others who work here show in it. */
  readonly loadAverage: number;
  readonly bubblewrap: string | null;
  readonly crun: string | null;
  readonly commit: string | null;
}

export function hostFacts(): HostFacts {
  const cpus = os.cpus();
  return {
    kernel: os.release(),
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus[0]?.model ?? 'unknown',
    cpus: cpus.length,
    memoryMiB: Math.round(os.totalmem() / 2 ** 20),
    node: process.version,
    isRoot: process.geteuid?.() === 0,
    cgroups: cgroups(),
    loadAverage: loadAverage(),
    bubblewrap: firstLine('bwrap', ['--version']),
    crun: firstLine('crun', ['--version']),
    commit: firstLine('git', ['rev-parse', '--short', 'HEAD']),
  };
}

/** Runnable processes, on average over the last minute. */
export function loadAverage(): number {
  return os.loadavg()[0] ?? 0;
}

function cgroups(): HostFacts['cgroups'] {
  let mounts: string;
  try {
    mounts = readFileSync('/proc/self/mounts', 'utf8');
  } catch {
    return 'none';
  }
  const hasV1 = mounts.includes(' cgroup ');
  const hasV2 = mounts.includes(' cgroup2 ');
  if (hasV1) return hasV2 ? 'hybrid' : 'v1';
  return hasV2 ? 'v2' : 'none';
}

function firstLine(program: string, args: readonly string[]): string | null {
  try {
    const said = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return said.split('\n')[0] ?? null;
  } catch {
    return null;
  }
}
