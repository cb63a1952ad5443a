import { accessSync, constants, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { bootId, type Probe } from '@sovereign/core';
import type { MicrovmArtifacts } from '@sovereign/microvm';
import { SovereignError } from '@sovereign/protocol';
import type { FirecrackerProgram } from './firecracker-program.ts';

export interface ProbeInit {
  readonly program: () => Promise<FirecrackerProgram>;
  readonly artifacts: Pick<MicrovmArtifacts, 'kernel'>;
  /** Default: whether the device opens, which is where a host without KVM ends; the trial decides. */
  readonly hasKvm?: () => boolean;
  /** Where a success is remembered. */
  readonly stampPath: string;
  /** Boots a machine, hears it answer, and removes it. */
  readonly trial: (signal: AbortSignal) => Promise<void>;
  readonly signal?: AbortSignal;
}

/** A machine under KVM answers in a tenth of a second; where the device opens and nothing runs, waiting longer helps nobody. */
const trialMs = 10_000;

/**
 * Whether Firecracker runs machines here, found out by booting one: a `/dev/kvm` that opens and runs nothing is common. A
 * success is remembered until the next boot, or until Firecracker or the kernel change; a failure never is.
 */
export async function probeFirecracker(init: ProbeInit): Promise<Probe> {
  const { stampPath, hasKvm = deviceOpens } = init;
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return no('Firecracker microVMs need Linux on x86-64.', 'Use another tier.');
  try {
    const program = await init.program();
    if (!hasKvm())
      return no(
        `Firecracker ${program.version} is installed, and /dev/kvm cannot be opened.`,
        'Load KVM (sudo modprobe kvm_intel or kvm_amd), be in the group kvm, or use the tier qemu, which can emulate.',
      );
    const kernel = await init.artifacts.kernel();
    const way = program.jailerPath === undefined ? 'without its jailer' : 'in its jailer';
    const detail = `Firecracker ${program.version} ${way}, KVM: a trial machine booted`;
    const stamp = [
      bootId(),
      process.geteuid?.(),
      program.version,
      modified(program.path),
      kernel.digest,
    ].join(' ');
    if (isRemembered(stampPath, stamp)) return { ok: true, detail };
    const patience = AbortSignal.timeout(trialMs);
    await init.trial(init.signal === undefined ? patience : AbortSignal.any([patience, init.signal]));
    remember(stampPath, stamp);
    return { ok: true, detail };
  } catch (error) {
    if (!(error instanceof SovereignError)) return no(String(error), 'See `sovereign doctor`.');
    if (error.reason === 'operation.cancelled' && init.signal?.aborted !== true)
      return no(
        `A trial machine did not answer within ${trialMs / 1000} s: KVM opens and runs nothing here.`,
        'Use the tier qemu, which can emulate.',
      );
    return no(error.message, error.hint);
  }
}

function no(reason: string, hint: string): Probe {
  return { ok: false, reason, hint };
}

function deviceOpens(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function modified(path: string): number {
  return statSync(path).mtimeMs;
}

function isRemembered(path: string, stamp: string): boolean {
  try {
    return readFileSync(path, 'utf8') === stamp;
  } catch {
    return false;
  }
}

/** That it cannot be written, on a full disk for instance, costs the next probe its shortcut and nothing else. */
function remember(path: string, stamp: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, stamp, { mode: 0o600 });
  } catch {
    rmSync(path, { force: true });
  }
}
