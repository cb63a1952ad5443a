import { jailPaths, workspaceTag } from './machine-paths.ts';

export type Accelerator = 'kvm' | 'tcg';

/** Connections to one guest at once. Linux takes 31 ports with the console's; each costs the guest half a megabyte. */
export const portCount = 24;

/** What a machine is made of. Paths are those inside the jail. */
export interface MachineShape {
  readonly qemuPath: string;
  readonly accelerator: Accelerator;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly kernelPath: string;
  readonly initrdPath: string;
  readonly basePath: string;
  readonly diskPath: string;
  /** Read-only shares of the host by path; the n-th has the tag `share<n>`. */
  readonly shares: readonly string[];
  readonly isWorkspaceReadOnly: boolean;
  /** Frequency of the host's time stamp counter, which a guest without KVM sees but cannot measure. */
  readonly tscKhz: number | undefined;
  readonly commandLine: readonly string[];
  /** Memory of a snapshot to run on, copied on write; undefined for memory of its own. */
  readonly memoryPath?: string;
  /** It waits for QMP `migrate-incoming`. */
  readonly isIncoming?: boolean;
}

/** Sizes and addresses come from numbers and paths of ours; a comma in a path would begin another option. */
function quoted(path: string): string {
  return path.replaceAll(',', ',,');
}

/** The argv of QEMU. No network card, no display, no default device; the monitor on descriptor 3. */
export function qemuArguments(shape: MachineShape): string[] {
  const { accelerator } = shape;
  const isPrivate = shape.memoryPath !== undefined;
  const memory = isPrivate
    ? `memory-backend-file,id=ram,size=${shape.memoryBytes},mem-path=${quoted(shape.memoryPath ?? '')},share=off`
    : `memory-backend-memfd,id=ram,size=${shape.memoryBytes},share=on`;
  return [
    shape.qemuPath,
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...[
      '-name',
      'sovereign',
      '-sandbox',
      'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
    ],
    // The PIT is what a guest without a calibrated APIC ticks by; without the clock chip a boot waits a second for it.
    ...['-M', 'microvm,acpi=off,pit=on,pic=on,rtc=on,isa-serial=on,memory-backend=ram'],
    ...['-accel', accelerator === 'kvm' ? 'kvm' : 'tcg,thread=multi,tb-size=128'],
    // Emulation copies byte by byte where a processor says that it does so fast (ERMS), and eight at a time where it does not.
    ...['-cpu', accelerator === 'kvm' ? 'host' : 'max,+rdrand,-erms'],
    ...['-m', `${shape.memoryBytes / 1024 / 1024}`, '-smp', processors(shape), '-object', memory],
    ...['-kernel', shape.kernelPath, '-initrd', shape.initrdPath, '-append', shape.commandLine.join(' ')],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-chardev', 'socket,id=qmp,fd=3,server=on,wait=off', '-mon', 'chardev=qmp,mode=control'],
    ...drive('base', shape.basePath, 'raw', true),
    ...drive('disk', shape.diskPath, 'qcow2', false),
    ...['-device', `virtio-serial-device,max_ports=${portCount + 1}`],
    ...Array.from({ length: portCount }, (_, index) => port(index)).flat(),
    ...shape.shares.flatMap((path, index) => share(`share${index}`, path, true)),
    // Always there, and an empty directory where none was asked for: a snapshot is resumed with a workspace of its own.
    ...share(workspaceTag, jailPaths.workspace, shape.isWorkspaceReadOnly),
    ...(shape.isIncoming === true ? ['-incoming', 'defer'] : []),
  ];
}

/**
 * Emulation leaves memory barriers out where a machine can have one processor only, although QEMU's devices run beside it: an
 * interrupt that a virtqueue needs is then not raised, and what has come waits until something else happens (mended in QEMU
 * 8.1, "tcg: Do not elide memory barriers for !CF_PARALLEL in system mode"). Room for a second one keeps them in.
 */
function processors({ accelerator, cpus }: MachineShape): string {
  return accelerator === 'kvm' ? String(cpus) : `cpus=${cpus},maxcpus=${Math.max(2, cpus)}`;
}

function drive(id: string, path: string, format: 'raw' | 'qcow2', isReadOnly: boolean): string[] {
  const options = `if=none,id=${id},format=${format},file=${quoted(path)},readonly=${isReadOnly ? 'on' : 'off'}`;
  const locking = isReadOnly ? ',file.locking=off' : '';
  return [
    '-drive',
    `${options},cache=writeback,discard=unmap${locking}`,
    '-device',
    `virtio-blk-device,drive=${id}`,
  ];
}

function port(index: number): string[] {
  const socket = `socket,id=port${index},path=${jailPaths.ports}/${index},server=on,wait=off`;
  return ['-chardev', socket, '-device', `virtserialport,chardev=port${index},name=sovereign.${index}`];
}

function share(tag: string, path: string, isReadOnly: boolean): string[] {
  const options = `local,id=${tag},path=${quoted(path)},security_model=passthrough,multidevs=remap`;
  return [
    '-fsdev',
    isReadOnly ? `${options},readonly=on` : options,
    '-device',
    `virtio-9p-device,fsdev=${tag},mount_tag=${tag}`,
  ];
}

/** The kernel's command line. */
export function kernelCommandLine(
  shape: Pick<MachineShape, 'accelerator' | 'cpus' | 'tscKhz' | 'shares'> & {
    readonly shareTargets: readonly string[];
  },
): string[] {
  const isEmulated = shape.accelerator === 'tcg';
  return [
    ...['console=ttyS0', 'quiet', 'loglevel=3', 'panic=-1', 'reboot=t', 'mitigations=off'],
    ...(isEmulated && shape.tscKhz !== undefined ? [`tsc_early_khz=${shape.tscKhz}`, 'tsc=reliable'] : []),
    // One processor ticks by the PIT as well, and measuring its own timer takes a guest a tenth of a second.
    ...(isEmulated && shape.cpus === 1 ? ['nolapic_timer'] : []),
    `sovereign.ports=${portCount}`,
    ...shape.shareTargets.map((target, index) => `sovereign.share=share${index}:${target}`),
  ];
}
