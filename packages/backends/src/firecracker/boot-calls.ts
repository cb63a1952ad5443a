import type { ApiCall } from './api-types.ts';
import { machineFiles } from './machine-root.ts';
import { channelPort, type MachineShape } from './machine-shape.ts';

/** Lowest context id of a guest; each monitor has a vsock device of its own, so that machines do not meet. */
const guestCid = 3;

/**
 * The kernel's command line. A machine that panics or restarts ends: Firecracker takes the keyboard controller's reset,
 * which is its whole keyboard, for that.
 */
export const kernelCommandLine: string = [
  ...['console=ttyS0', 'quiet', 'loglevel=3', 'panic=-1', 'reboot=k', 'pci=off'],
  ...['i8042.noaux', 'i8042.nomux', 'i8042.dumbkbd'],
  `sovereign.vsock=${channelPort}`,
].join(' ');

/**
 * Everything that is asked of a fresh monitor to boot a machine, in order. No network interface: a guest without one
 * cannot be given one by mistake. Entropy comes from the host; flushes of the guest's disk reach the host's.
 */
export function bootCalls({ cpus, memoryMib }: MachineShape): readonly ApiCall[] {
  return [
    {
      method: 'PUT',
      path: '/machine-config',
      body: { vcpu_count: cpus, mem_size_mib: memoryMib, smt: false, track_dirty_pages: false },
    },
    {
      method: 'PUT',
      path: '/boot-source',
      body: {
        kernel_image_path: machineFiles.kernel,
        initrd_path: machineFiles.initrd,
        boot_args: kernelCommandLine,
      },
    },
    drive('base', machineFiles.base, true),
    drive('disk', machineFiles.disk, false),
    {
      method: 'PUT',
      path: '/vsock',
      body: { guest_cid: guestCid, uds_path: machineFiles.vsockSocket },
    },
    { method: 'PUT', path: '/entropy', body: {} },
    { method: 'PUT', path: '/actions', body: { action_type: 'InstanceStart' } },
  ];
}

/** The guest's root is put together by its init from both, so that none of them is the root device. */
function drive(id: string, path: string, isReadOnly: boolean): ApiCall {
  return {
    method: 'PUT',
    path: `/drives/${id}`,
    body: {
      drive_id: id,
      is_root_device: false,
      is_read_only: isReadOnly,
      path_on_host: path,
      cache_type: isReadOnly ? 'Unsafe' : 'Writeback',
    },
  };
}
