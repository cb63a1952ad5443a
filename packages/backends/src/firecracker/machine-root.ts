/**
 * Names in the directory that a machine's monitor runs in: its working directory, and all that it sees where it has a
 * jail. They are relative, so that a snapshot of one machine finds the files of another.
 */
export const machineFiles = {
  kernel: 'kernel',
  initrd: 'initrd',
  base: 'base',
  disk: 'disk',
  apiSocket: 'api',
  vsockSocket: 'vsock',
  pid: 'pid',
  snapshotState: 'snapshot-state',
  snapshotMemory: 'snapshot-memory',
} as const;
