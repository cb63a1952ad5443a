/** For `sh` in a mount namespace of its own: crun 1.8 refuses hybrid control groups while the unified mount is there. */
export const hideUnifiedHierarchy =
  'if [ -d /sys/fs/cgroup/unified ]; then umount /sys/fs/cgroup/unified; fi';
