import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { bootId, isAlive, signalProcess, until, type SandboxSpec } from '@sovereign/core';
import { connectGuestChannel, ownedName, sweepAbandoned, type LaunchHelper } from '@sovereign/guest';
import type { LocalArtifacts } from '@sovereign/microvm';
import { SovereignError } from '@sovereign/protocol';
import { defaultDiskBytes } from './machine-disks.ts';
import { connectFreePort } from './ports.ts';
import type { Accelerator } from './qemu-arguments.ts';
import { awaitMonitor } from './qmp-client.ts';
import { findQemu, startMachine } from './start-machine.ts';

/** A machine under KVM answers in a tenth of a second; where a device opens and nothing runs, waiting longer helps nobody. */
const kvmTrialMs = 3_000;
const emulatedTrialMs = 30_000;
const killTimeoutMs = 10_000;

const verdictSchema = v.strictObject({
  stamp: v.string(),
  accelerator: v.picklist(['kvm', 'tcg']),
  tscKhz: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  detail: v.string(),
});

/** How machines run on this host, and how that is known. */
export interface AcceleratorVerdict {
  readonly accelerator: Accelerator;
  readonly tscKhz: number | undefined;
  readonly detail: string;
}

export interface TrialOptions {
  readonly helper: LaunchHelper;
  readonly artifacts: LocalArtifacts;
  readonly shelldPath: string;
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
}

/**
 * Decides between KVM and emulation by booting a machine under each until one answers: a `/dev/kvm` that opens and runs
 * nothing is common. A success is remembered until the next boot, or until QEMU, kernel or shelld change.
 *
 * @throws SovereignError `launcher.missing`, `microvm.kernel-missing`, `guest.crashed` … when neither boots
 */
export async function chooseAccelerator(
  options: TrialOptions,
  signal?: AbortSignal,
): Promise<AcceleratorVerdict> {
  const qemuPath = findQemu();
  const [kernel, initrd] = await Promise.all([options.artifacts.kernel(), options.artifacts.initrd()]);
  const stamp = [
    bootId(),
    process.geteuid?.(),
    statSync(qemuPath).mtimeMs,
    kernel.digest,
    initrd.digest,
  ].join(' ');
  const remembered = recall(join(options.stateDirectory, 'accelerator.json'), stamp);
  if (remembered !== undefined) return remembered;
  const tscKhz = await clockRate(options);
  const kvm = existsSync('/dev/kvm') ? await trial(options, 'kvm', tscKhz, signal) : 'there is no /dev/kvm';
  const verdict =
    kvm === undefined
      ? { accelerator: 'kvm' as const, detail: 'KVM: a trial machine booted' }
      : {
          accelerator: 'tcg' as const,
          detail: `emulation, a trial machine booted; KVM does not run one: ${kvm}`,
        };
  if (kvm !== undefined) {
    const emulated = await trial(options, 'tcg', tscKhz, signal);
    if (emulated !== undefined) {
      throw new SovereignError({
        reason: 'guest.crashed',
        message: `A trial machine did not boot under emulation: ${emulated}`,
        hint: 'Is the kernel whole? Build it again: sovereign microvm build',
      });
    }
  }
  remember(options.stateDirectory, { stamp, tscKhz: tscKhz ?? 0, ...verdict });
  return { ...verdict, tscKhz };
}

/** Boots a machine that nobody else sees; what went wrong, or undefined when it answered. */
async function trial(
  options: TrialOptions,
  accelerator: Accelerator,
  tscKhz: number | undefined,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  mkdirSync(options.stateDirectory, { recursive: true, mode: 0o700 });
  for (const path of [options.stateDirectory, options.runtimeDirectory]) sweepAbandoned(path);
  const name = ownedName('trial');
  const directory = join(options.stateDirectory, name);
  const portsPath = join(options.runtimeDirectory, name);
  const monitorSocketPath = join(options.runtimeDirectory, `q${name}`);
  try {
    mkdirSync(join(directory, 'machine'), { recursive: true, mode: 0o755 });
    const { process: machine } = await startMachine({
      helper: options.helper,
      artifacts: options.artifacts,
      shelldPath: options.shelldPath,
      spec: trialSpec(),
      root: await options.artifacts.rootImage({ kind: 'host' }),
      accelerator,
      tscKhz,
      diskBytes: defaultDiskBytes,
      machinePath: join(directory, 'machine'),
      portsPath,
      monitorSocketPath,
      consolePath: join(directory, 'console.log'),
    });
    try {
      const timeoutMs = accelerator === 'kvm' ? kvmTrialMs : emulatedTrialMs;
      await awaitMonitor(monitorSocketPath, timeoutMs);
      const stream = await connectFreePort({
        portsPath,
        locksPath: directory,
        timeoutMs,
        isBooting: true,
        ...(signal !== undefined && { signal }),
      });
      const channel = connectGuestChannel(stream, { welcomeTimeoutMs: timeoutMs });
      try {
        await channel.ping(signal);
      } finally {
        await channel.close();
      }
      return undefined;
    } finally {
      signalProcess(machine, 'SIGKILL');
      await until(() => !isAlive(machine), killTimeoutMs);
    }
  } catch (error) {
    if (signal?.aborted === true) throw error;
    const said = error instanceof Error ? error.message : String(error);
    const console = join(directory, 'console.log');
    return `${said}${existsSync(console) ? ` ${lastLine(readFileSync(console, 'utf8'))}` : ''}`.trim();
  } finally {
    for (const path of [directory, portsPath, monitorSocketPath])
      rmSync(path, { recursive: true, force: true });
  }
}

function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return (lines.at(-1) ?? '').replaceAll(/[\u0000-\u001f\u007f]/g, ' ').slice(0, 300);
}

async function clockRate(options: TrialOptions): Promise<number | undefined> {
  const result = await options.helper.run([options.shelldPath, 'clock-rate'], { timeoutMs: 5_000 });
  const kHz = Number(result.stdout.trim());
  return result.exitCode === 0 && Number.isSafeInteger(kHz) && kHz > 0 ? kHz : undefined;
}

function recall(path: string, stamp: string): AcceleratorVerdict | undefined {
  try {
    const found = v.parse(verdictSchema, JSON.parse(readFileSync(path, 'utf8')));
    if (found.stamp !== stamp) return undefined;
    return {
      accelerator: found.accelerator,
      tscKhz: found.tscKhz === 0 ? undefined : found.tscKhz,
      detail: found.detail,
    };
  } catch {
    return undefined;
  }
}

/** That it cannot be written costs the next caller a trial and nothing else. */
function remember(directory: string, verdict: v.InferOutput<typeof verdictSchema>): void {
  try {
    writeFileSync(join(directory, 'accelerator.json'), JSON.stringify(verdict), { mode: 0o600 });
  } catch {
    rmSync(join(directory, 'accelerator.json'), { force: true });
  }
}

function trialSpec(): SandboxSpec {
  const spec: Omit<SandboxSpec, 'id'> = {
    image: { kind: 'host' },
    env: {},
    limits: { memoryBytes: 128 * 1024 * 1024 },
    network: 'none',
    isInsecure: false,
    labels: {},
    createdMs: 0,
  };
  return { ...spec, id: 'sbx_trial0000000' as SandboxSpec['id'] };
}
