import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { GuestStats, LimitSpec, Shortfall } from '@sovereign/core';

/** What a host can limit, account for or stop. `io` is called `blkio` by version 1. */
export type Controller = 'memory' | 'pids' | 'cpu' | 'cpuacct' | 'freezer' | 'io';

/** Ceilings that every guest has unless the caller sets others: enough for a build, too little to take the host down. */
export const defaultPidsLimit = 2048;

/** What is said where a host gives its users no control groups. */
export const noControlGroups: Shortfall = {
  why: 'this host gives us no control groups',
  hint: 'Run as root, or have your user slice delegated (systemd: Delegate=yes).',
};

/** Control groups of one host: the same calls for version 1, version 2, and hosts that delegate none. */
export interface Cgroups {
  readonly version: 1 | 2 | 'none';
  readonly controllers: readonly Controller[];
  /** Makes the groups of a guest and sets its limits. Returns the directories that its processes join. */
  create(id: string, limits: LimitSpec): readonly string[];
  setLimits(id: string, limits: LimitSpec): void;
  /** Process ids in the groups, as the host numbers them. */
  processes(id: string): readonly number[];
  setFrozen(id: string, isFrozen: boolean): void;
  isFrozen(id: string): boolean;
  stats(id: string): GuestStats;
  /** Memory that cannot be given back, in bytes: what a limit has to leave room for. */
  neededBytes(id: string): number;
  /** Removes the groups; false while a process is left in one. */
  remove(id: string): boolean;
  /** When the groups of an id were made or last changed, in Unix milliseconds. */
  madeMs(id: string): number;
  /** Ids that have groups, for finding what a crash left behind. */
  list(): readonly string[];
}

/** Group below which those of all guests are made. */
export const cgroupParent = 'sovereign';

/** Asks the kernel for a value in a file of a group; undefined when it is not there. */
export function readValue(directory: string, file: string): string | undefined {
  try {
    return readFileSync(join(directory, file), 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Makes a group, and says what to do where that fails. */
export function makeGroup(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new SovereignError({
      reason: 'limit.unsupported',
      message: `A control group cannot be made: ${path}.`,
      hint: noControlGroups.hint,
      context: { path },
      cause: error,
    });
  }
}

/**
 * Writes a limit. A file that is missing means that the host lacks the controller.
 *
 * @throws SovereignError `limit.unsupported`
 */
export function writeLimit(directory: string, file: string, value: string, name: keyof LimitSpec): void {
  try {
    writeFileSync(join(directory, file), value);
  } catch (error) {
    // The kernel has tried to take memory back until the limit holds, and could not.
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') throw limitInUse(name, value, 'more than that');
    throw new SovereignError({
      reason: 'limit.unsupported',
      message: `This host cannot enforce ${name}: ${value} was refused.`,
      hint: `Leave ${name} out, or enable its controller for control groups.`,
      context: { limit: name, value },
      cause: error,
    });
  }
}

/** Removes one group; true when it is gone. */
export function removeGroup(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    // ENOTDIR: where it was to be made is no place for groups.
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return true;
    if (['EBUSY', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return !existsSync(path);
    throw error;
  }
}

/** Process ids of `cgroup.procs`. */
export function readProcesses(directory: string): number[] {
  return (readValue(directory, 'cgroup.procs') ?? '').split('\n').filter(Boolean).map(Number);
}

/** When a group was made or last changed; now where it is gone. */
export function groupMadeMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
}

/** What a sandbox uses does not fit below a limit. */
export function limitInUse(
  name: keyof LimitSpec,
  value: string | number,
  used: string | number,
): SovereignError {
  return new SovereignError({
    reason: 'limit.in-use',
    message: `${name} cannot be ${value}: the sandbox uses ${used}.`,
    hint: 'End processes in it, or give it more.',
    context: { limit: name, value: String(value) },
  });
}

/** Refuses limits that are below what is used: the kernel would end processes, or let none begin. */
export function checkRoom(cgroups: Cgroups, id: string, limits: LimitSpec): void {
  const { pids } = cgroups.stats(id);
  if (limits.pids !== undefined && limits.pids < pids) throw limitInUse('pids', limits.pids, pids);
  const needed = cgroups.neededBytes(id);
  if (limits.memoryBytes !== undefined && limits.memoryBytes < needed)
    throw limitInUse('memoryBytes', limits.memoryBytes, needed);
}
