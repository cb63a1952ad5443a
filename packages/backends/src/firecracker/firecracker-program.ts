import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { findProgram, type LaunchHelper } from '@sovereign/guest';
import { SovereignError } from '@sovereign/protocol';
import { jailCgroup, monitorId } from './launch-arguments.ts';
import { until, type SandboxId } from '@sovereign/core';

/** The programs of a Firecracker release, and what they say of themselves. */
export interface FirecrackerProgram {
  readonly path: string;
  /** Undefined without a jailer, or without the rights to use it. */
  readonly jailerPath: string | undefined;
  /** `1.13.1` */
  readonly version: string;
  /** Version of the format of its snapshots, `8.0.0`. */
  readonly snapshotVersion: string;
}

export interface FirecrackerPaths {
  /** Default: `firecracker` in PATH. */
  readonly firecrackerPath?: string;
  /** Default: `jailer` in PATH. `null` runs without, as ourselves. */
  readonly jailerPath?: string | null;
}

const answerTimeoutMs = 5_000;
const versionPattern = /v?(\d{1,5}\.\d{1,5}\.\d{1,5}(?:-[0-9a-z.]{1,32})?)/;

/** @throws SovereignError `launcher.missing`, `launcher.failed` when it does not say its version */
export async function findFirecracker(
  paths: FirecrackerPaths,
  helper: LaunchHelper,
): Promise<FirecrackerProgram> {
  const path = paths.firecrackerPath ?? findProgram('firecracker');
  if (path === undefined || !existsSync(path)) {
    throw new SovereignError({
      reason: 'launcher.missing',
      message: `Firecracker is not installed${path === undefined ? ': firecracker is not in PATH' : `: ${path}`}.`,
      hint: 'Install a release of github.com/firecracker-microvm/firecracker, or use the tier qemu.',
    });
  }
  const jailer = paths.jailerPath === null ? undefined : (paths.jailerPath ?? findProgram('jailer'));
  const version = await ask(helper, path, '--version');
  const snapshotVersion = await ask(helper, path, '--snapshot-version');
  return { path, jailerPath: process.geteuid?.() === 0 ? jailer : undefined, version, snapshotVersion };
}

async function ask(helper: LaunchHelper, path: string, option: string): Promise<string> {
  const { stdout, exitCode } = await helper.run([path, option], { timeoutMs: answerTimeoutMs });
  const version = versionPattern.exec(stdout.slice(0, 4_096))?.[1];
  if (exitCode === 0 && version !== undefined) return version;
  throw new SovereignError({
    reason: 'launcher.failed',
    message: `Firecracker does not say its version: ${path} ${option} ended with ${exitCode}.`,
    hint: 'Is it a Firecracker for this machine? Install a release of it.',
    context: { path },
  });
}

/** What has to be the same where a snapshot is resumed: the format of its state, and the processor that its memory was used on. */
export function snapshotIdentity({ snapshotVersion }: FirecrackerProgram): string {
  return `format ${snapshotVersion}, processor ${processorModel()}`;
}

/** Model of the host's processor, with a digest of all that a program could have found out about it. */
export function processorModel(): string {
  const [first = ''] = readFileSync('/proc/cpuinfo', 'utf8').split('\n\n');
  const facts = ['model name', 'vendor_id', 'cpu family', 'model', 'stepping', 'flags'].map(
    (name) => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(first)?.[1] ?? '',
  );
  const digest = createHash('sha256').update(facts.join('\n')).digest('hex').slice(0, 16);
  return `${(facts[0] ?? '').slice(0, 80)} (${digest})`;
}

const cgroupRoot = '/sys/fs/cgroup';
const removalTimeoutMs = 2_000;

export function cgroupVersion(): 1 | 2 {
  return existsSync(join(cgroupRoot, 'cgroup.controllers')) ? 2 : 1;
}

/** Removes the control groups that the jailer made for a machine that has ended. */
export async function removeCgroups(sandbox: SandboxId): Promise<void> {
  const parents = cgroupVersion() === 2 ? [cgroupRoot] : directoriesOf(cgroupRoot);
  for (const parent of parents) {
    const group = join(parent, jailCgroup, monitorId(sandbox));
    await until(() => isRemoved(group), removalTimeoutMs);
  }
}

function directoriesOf(path: string): readonly string[] {
  try {
    return readdirSync(path).map((name) => join(path, name));
  } catch {
    return [];
  }
}

/** A group whose last process is ending is busy for a moment. */
function isRemoved(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EBUSY';
  }
}
