import type { SandboxSpec } from '@sovereign/core';
import type { MicrovmArtifacts } from '@sovereign/microvm';
import { bootCalls } from './boot-calls.ts';
import { processorModel } from './firecracker-program.ts';
import { machineFiles } from './machine-root.ts';
import { machineShape } from './machine-shape.ts';
import type { StartPlan } from './start-machine.ts';

/** Size of the writable layer; sparse, so that it costs what is written. */
const diskBytes = 8 * 1024 ** 3;

/** What booting a machine by this spec takes. @throws SovereignError `microvm.kernel-missing`, `image.invalid` … */
export async function planBoot(
  artifacts: MicrovmArtifacts,
  spec: SandboxSpec,
  signal: AbortSignal | undefined,
): Promise<StartPlan> {
  const [kernel, initrd, { base }, empty] = await Promise.all([
    artifacts.kernel(),
    artifacts.initrd(),
    artifacts.rootImage(spec.image, signal === undefined ? {} : { signal }),
    artifacts.emptyDisk(diskBytes),
  ]);
  const shape = machineShape(spec.limits);
  return {
    files: [
      { name: machineFiles.kernel, source: kernel.path, isWritable: false },
      { name: machineFiles.initrd, source: initrd.path, isWritable: false },
      { name: machineFiles.base, source: base.path, isWritable: false },
      { name: machineFiles.disk, source: empty.path, isWritable: true },
    ],
    calls: bootCalls(shape),
    boot: {
      monitor: '',
      accelerator: 'kvm',
      cpuModel: processorModel(),
      cpus: shape.cpus,
      memoryBytes: shape.memoryMib * 1024 ** 2,
      tscKhz: 0,
      kernel: kernel.digest,
      initrd: initrd.digest,
      base: base.digest,
      disk: empty.digest,
    },
  };
}
