import * as v from 'valibot';
import { parseStateFile, stateCount, stateText, type ProcessIdentity } from '@sovereign/core';

/** What a machine was started from: all that has to be the same where a snapshot of it is resumed. */
export interface MachineBoot {
  /** Who runs it and in which version: `QEMU 7.2.22 …`, `Firecracker 1.7.0`. Empty where that is not known yet. */
  readonly monitor: string;
  /** How it runs guest code: `kvm`, `tcg`. */
  readonly accelerator: string;
  /** Model of the host's processor. */
  readonly cpuModel: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** kHz of the host's time stamp counter as the guest was told; 0 when it measured by itself. */
  readonly tscKhz: number;
  /** Digests of what it booted from. */
  readonly kernel: string;
  readonly initrd: string;
  readonly base: string;
  readonly disk: string;
}

/** What is known of a machine that was started. */
export interface MachineFile extends ProcessIdentity {
  readonly boot: MachineBoot;
  /** Whether its memory is a mapping that can be copied as a file, or its own copy of a snapshot's. */
  readonly memory: 'shared' | 'private';
}

const bootEntries = {
  monitor: stateText,
  accelerator: stateText,
  cpuModel: stateText,
  cpus: stateCount,
  memoryBytes: stateCount,
  tscKhz: stateCount,
  kernel: stateText,
  initrd: stateText,
  base: stateText,
  disk: stateText,
};

/** Schema of `MachineBoot`, for files that hold one. */
export const machineBootSchema: v.GenericSchema<unknown, MachineBoot> = v.strictObject(bootEntries);

const machineSchema = v.strictObject({
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(2)),
  startTicks: stateCount,
  bootId: stateText,
  boot: v.strictObject(bootEntries),
  memory: v.picklist(['shared', 'private']),
});

/** @throws SovereignError `sandbox.state-corrupt` */
export function parseMachineFile(path: string, content: string): MachineFile {
  return parseStateFile(machineSchema, path, content);
}
