/**
 * Capabilities that root keeps inside a container of any engine: what package managers,
 * build tools and servers need to own files, change users and listen. Docker's default (moby, oci/caps) without
 * MKNOD, NET_RAW, SYS_CHROOT, AUDIT_WRITE and SETFCAP; SETPCAP is needed to drop the others and is dropped last.
 */
export const keptCapabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_NET_BIND_SERVICE',
] as const;
