import * as v from 'valibot';

/**
 * Firecracker's API as its description publishes it: `src/firecracker/swagger/firecracker.yaml` of
 * firecracker-microvm/firecracker, version 1.17.0-dev of 2026-08-21, with the order rules of its `VmmAction`. Written down
 * by hand for the tests (ADR 0020); members that the description does not name are refused, as its parser does.
 */
export type Legal = 'before boot' | 'fresh' | 'after boot' | 'paused' | 'always';

export interface Operation {
  readonly method: 'GET' | 'PUT' | 'PATCH';
  readonly path: RegExp;
  readonly legal: Legal;
  readonly body?: v.GenericSchema;
}

const text = v.string();
const whole = v.pipe(v.number(), v.integer());
const int64 = v.pipe(v.number(), v.integer(), v.minValue(0));

const tokenBucket = v.strictObject({
  one_time_burst: v.exactOptional(int64),
  refill_time: int64,
  size: int64,
});
const rateLimiter = v.strictObject({
  bandwidth: v.exactOptional(tokenBucket),
  ops: v.exactOptional(tokenBucket),
});

const machineConfiguration = v.strictObject({
  cpu_template: v.exactOptional(v.picklist(['C3', 'T2', 'T2S', 'T2CL', 'T2A', 'V1N1', 'None'])),
  smt: v.exactOptional(v.boolean()),
  mem_size_mib: v.pipe(whole, v.minValue(1)),
  track_dirty_pages: v.exactOptional(v.boolean()),
  vcpu_count: v.pipe(whole, v.minValue(1), v.maxValue(32)),
  huge_pages: v.exactOptional(v.picklist(['None', 'Transparent', '2M'])),
});

const bootSource = v.strictObject({
  boot_args: v.exactOptional(text),
  initrd_path: v.exactOptional(text),
  kernel_image_path: text,
});

const drive = v.strictObject({
  drive_id: text,
  partuuid: v.exactOptional(text),
  is_root_device: v.boolean(),
  cache_type: v.exactOptional(v.picklist(['Unsafe', 'Writeback'])),
  is_read_only: v.exactOptional(v.boolean()),
  path_on_host: v.exactOptional(text),
  rate_limiter: v.exactOptional(rateLimiter),
  io_engine: v.exactOptional(v.picklist(['Sync', 'Async'])),
  socket: v.exactOptional(text),
});

const vsock = v.strictObject({
  guest_cid: v.pipe(whole, v.minValue(3)),
  uds_path: text,
  vsock_id: v.exactOptional(text),
});

const snapshotCreate = v.strictObject({
  mem_file_path: text,
  snapshot_path: text,
  snapshot_type: v.exactOptional(v.picklist(['Full', 'Diff'])),
});

/** Exactly one of the two `mem_*` members. */
const snapshotLoad = v.pipe(
  v.strictObject({
    track_dirty_pages: v.exactOptional(v.boolean()),
    enable_diff_snapshots: v.exactOptional(v.boolean()),
    mem_file_path: v.exactOptional(text),
    mem_backend: v.exactOptional(
      v.strictObject({ backend_type: v.picklist(['File', 'Uffd']), backend_path: text }),
    ),
    snapshot_path: text,
    resume_vm: v.exactOptional(v.boolean()),
    network_overrides: v.exactOptional(v.array(v.strictObject({ iface_id: text, host_dev_name: text }))),
    vsock_override: v.exactOptional(v.strictObject({ uds_path: text })),
    clock_realtime: v.exactOptional(v.boolean()),
    huge_pages: v.exactOptional(v.picklist(['Snapshot', 'None', 'Transparent', '2M'])),
  }),
  v.check(
    (body) => (body.mem_file_path === undefined) !== (body.mem_backend === undefined),
    'either mem_backend or mem_file_path',
  ),
);

export const operations: readonly Operation[] = [
  { method: 'GET', path: /^\/$/, legal: 'always' },
  { method: 'GET', path: /^\/version$/, legal: 'always' },
  { method: 'GET', path: /^\/machine-config$/, legal: 'always' },
  { method: 'GET', path: /^\/vm\/config$/, legal: 'always' },
  { method: 'PUT', path: /^\/machine-config$/, legal: 'before boot', body: machineConfiguration },
  { method: 'PUT', path: /^\/boot-source$/, legal: 'before boot', body: bootSource },
  { method: 'PUT', path: /^\/drives\/[a-zA-Z0-9_]+$/, legal: 'before boot', body: drive },
  { method: 'PUT', path: /^\/vsock$/, legal: 'before boot', body: vsock },
  {
    method: 'PUT',
    path: /^\/entropy$/,
    legal: 'before boot',
    body: v.strictObject({ rate_limiter: v.exactOptional(rateLimiter) }),
  },
  {
    method: 'PUT',
    path: /^\/actions$/,
    legal: 'before boot',
    body: v.strictObject({ action_type: v.picklist(['FlushMetrics', 'InstanceStart', 'SendCtrlAltDel']) }),
  },
  { method: 'PUT', path: /^\/snapshot\/load$/, legal: 'fresh', body: snapshotLoad },
  { method: 'PUT', path: /^\/snapshot\/create$/, legal: 'paused', body: snapshotCreate },
  {
    method: 'PATCH',
    path: /^\/vm$/,
    legal: 'after boot',
    body: v.strictObject({ state: v.picklist(['Paused', 'Resumed']) }),
  },
];
