import type { ErrorReason, FrameName } from '@sovereign/protocol';

/** Numbers of errors of Linux, as on x86-64 and arm64 (asm-generic/errno.h). */
export const errnoNames: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  3: 'ESRCH',
  5: 'EIO',
  7: 'E2BIG',
  9: 'EBADF',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  16: 'EBUSY',
  17: 'EEXIST',
  18: 'EXDEV',
  20: 'ENOTDIR',
  21: 'EISDIR',
  22: 'EINVAL',
  23: 'ENFILE',
  24: 'EMFILE',
  25: 'ENOTTY',
  26: 'ETXTBSY',
  27: 'EFBIG',
  28: 'ENOSPC',
  30: 'EROFS',
  32: 'EPIPE',
  36: 'ENAMETOOLONG',
  38: 'ENOSYS',
  39: 'ENOTEMPTY',
  40: 'ELOOP',
  90: 'EMSGSIZE',
  93: 'EPROTONOSUPPORT',
  95: 'EOPNOTSUPP',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
  104: 'ECONNRESET',
  105: 'ENOBUFS',
  110: 'ETIMEDOUT',
  111: 'ECONNREFUSED',
  122: 'EDQUOT',
};

/** The same for every request. */
const general: Readonly<Record<string, ErrorReason>> = {
  EINVAL: 'argument.invalid',
  E2BIG: 'argument.too-large',
  ENAMETOOLONG: 'argument.too-large',
  EMSGSIZE: 'argument.too-large',
  ENOSYS: 'capability.missing',
  EOPNOTSUPP: 'capability.missing',
  EAGAIN: 'guest.exhausted',
  ENOMEM: 'guest.exhausted',
  ENFILE: 'guest.exhausted',
  EMFILE: 'guest.exhausted',
  ENOBUFS: 'guest.exhausted',
  EPROTONOSUPPORT: 'channel.generation',
};

const ofFiles: Readonly<Record<string, ErrorReason>> = {
  ENOENT: 'file.not-found',
  EEXIST: 'file.exists',
  EACCES: 'file.denied',
  EPERM: 'file.denied',
  EXDEV: 'file.denied',
  ELOOP: 'file.denied',
  EROFS: 'file.denied',
  EBUSY: 'file.denied',
  ENOTDIR: 'file.not-directory',
  EISDIR: 'file.is-directory',
  ENOTEMPTY: 'file.not-empty',
  ENOSPC: 'file.no-space',
  EDQUOT: 'file.no-space',
};

const ofProcesses: Readonly<Record<string, ErrorReason>> = {
  ESRCH: 'process.not-found',
  ENOENT: 'process.not-found',
  ENOTTY: 'argument.invalid',
  EBUSY: 'argument.invalid',
  ENOSPC: 'guest.exhausted',
};

const ofSessions: Readonly<Record<string, ErrorReason>> = {
  ESRCH: 'session.not-found',
  ENOENT: 'session.not-found',
  ENOSPC: 'guest.exhausted',
};

const ofTunnels: Readonly<Record<string, ErrorReason>> = {
  EADDRINUSE: 'port.taken',
  EEXIST: 'port.taken',
  EADDRNOTAVAIL: 'argument.invalid',
  // A port below 1024 where the guest's own root may not have one, or an address that is not its loopback.
  EACCES: 'argument.invalid',
  EPERM: 'argument.invalid',
  ECONNREFUSED: 'tunnel.refused',
  ECONNRESET: 'tunnel.refused',
  ETIMEDOUT: 'tunnel.refused',
  ENOENT: 'tunnel.refused',
  ESRCH: 'tunnel.refused',
  EPIPE: 'tunnel.refused',
};

/**
 * Why a request was refused, from the errno of Linux and the request that was made. The request is ours: what the guest
 * says of it is only prose.
 */
export function reasonOfErrno(request: FrameName, errno: number): ErrorReason {
  const name = errnoNames[errno] ?? '';
  if (request.startsWith('file.')) return ofFiles[name] ?? general[name] ?? 'file.failed';
  if (request.startsWith('tunnel.')) return ofTunnels[name] ?? general[name] ?? 'internal';
  // The one id that exec.start names is that of its session.
  const own = request.startsWith('session.') || request === 'exec.start' ? ofSessions : ofProcesses;
  return own[name] ?? general[name] ?? 'internal';
}
