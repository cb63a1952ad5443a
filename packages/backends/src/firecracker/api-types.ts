/**
 * The parts of Firecracker's API that we use, by their published description
 * (`src/firecracker/swagger/firecracker.yaml` of firecracker-microvm/firecracker, as of version 1.17). Names are those on
 * the wire. Paths are as Firecracker sees them: inside its jail where it has one.
 */

/** `PUT /boot-source`. */
export interface BootSource {
  readonly kernel_image_path: string;
  readonly initrd_path: string;
  readonly boot_args: string;
}

/** `PUT /drives/{drive_id}`. */
export interface Drive {
  readonly drive_id: string;
  readonly is_root_device: boolean;
  readonly is_read_only: boolean;
  readonly path_on_host: string;
  /** `Unsafe` ignores flushes of the guest; `Writeback` honours them. */
  readonly cache_type: 'Unsafe' | 'Writeback';
}

/** `PUT /machine-config`. */
export interface MachineConfiguration {
  /** 1 to 32. */
  readonly vcpu_count: number;
  readonly mem_size_mib: number;
  readonly smt: false;
  readonly track_dirty_pages: false;
}

/** `PUT /vsock`. */
export interface Vsock {
  /** At least 3. */
  readonly guest_cid: number;
  readonly uds_path: string;
}

/** `PUT /snapshot/create`. */
export interface SnapshotCreateParams {
  readonly snapshot_type: 'Full';
  readonly snapshot_path: string;
  readonly mem_file_path: string;
}

/** `PUT /snapshot/load`. Drives and the vsock socket keep the paths of the snapshot, which are relative to where the monitor runs. */
export interface SnapshotLoadParams {
  readonly snapshot_path: string;
  readonly mem_backend: { readonly backend_type: 'File'; readonly backend_path: string };
  readonly resume_vm: boolean;
}

/**
 * Everything that we ask of a monitor, each with when it is legal. A call at another time is answered with status 400 and
 * a `fault_message`.
 */
export type ApiCall =
  /** Before the machine has booted. */
  | { readonly method: 'PUT'; readonly path: '/boot-source'; readonly body: BootSource }
  | { readonly method: 'PUT'; readonly path: `/drives/${string}`; readonly body: Drive }
  | { readonly method: 'PUT'; readonly path: '/machine-config'; readonly body: MachineConfiguration }
  | { readonly method: 'PUT'; readonly path: '/vsock'; readonly body: Vsock }
  | { readonly method: 'PUT'; readonly path: '/entropy'; readonly body: Readonly<Record<string, never>> }
  /** Before it has booted, and only once. */
  | {
      readonly method: 'PUT';
      readonly path: '/actions';
      readonly body: { readonly action_type: 'InstanceStart' };
    }
  /** In a monitor that nothing was configured in. When it fails, the monitor ends. */
  | { readonly method: 'PUT'; readonly path: '/snapshot/load'; readonly body: SnapshotLoadParams }
  /** After it has booted. */
  | {
      readonly method: 'PATCH';
      readonly path: '/vm';
      readonly body: { readonly state: 'Paused' | 'Resumed' };
    }
  /** After it has booted, while it is paused. */
  | { readonly method: 'PUT'; readonly path: '/snapshot/create'; readonly body: SnapshotCreateParams }
  /** At any time. */
  | { readonly method: 'GET'; readonly path: '/' | '/version' };

/** What `GET /` answers. */
export interface InstanceInfo {
  readonly id: string;
  readonly state: 'Not started' | 'Running' | 'Paused';
  readonly vmm_version: string;
}
