/** Reasons of the conversation with a guest: channel, processes, sessions, files, tunnels. */
export const channelReasons = {
  'tunnel.refused': {
    code: 'UNAVAILABLE',
    retryable: true,
    about: 'Nothing in the guest accepted the connection.',
  },
  'tunnel.reset': {
    code: 'ABORTED',
    retryable: true,
    about: 'A connection through the guest channel broke: its other end is gone, or cut it off.',
  },
  'channel.protocol': {
    code: 'DATA_LOSS',
    retryable: false,
    about: 'The guest sent something that is not the guest channel; the connection was ended.',
  },
  'channel.closed': {
    code: 'UNAVAILABLE',
    retryable: true,
    about: 'The connection to the guest ended before the call was answered.',
  },
  'channel.timeout': {
    code: 'DEADLINE_EXCEEDED',
    retryable: true,
    about: 'The guest did not answer in time.',
  },
  'channel.generation': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'Host and guest speak no common generation of the channel.',
  },
  'socket.path-too-long': {
    code: 'INVALID_ARGUMENT',
    retryable: false,
    about: 'A unix socket path exceeds 107 bytes.',
  },
  'process.not-found': { code: 'NOT_FOUND', retryable: false, about: 'No process of the guest has that id.' },
  'session.not-found': { code: 'NOT_FOUND', retryable: false, about: 'No session of the guest has that id.' },
  'guest.exhausted': {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    about: 'The guest has no room for another process, session, channel or buffer.',
  },
  'file.not-found': { code: 'NOT_FOUND', retryable: false, about: 'No file has that path.' },
  'file.exists': { code: 'ALREADY_EXISTS', retryable: false, about: 'A file has that path already.' },
  'file.denied': {
    code: 'PERMISSION_DENIED',
    retryable: false,
    about: 'The path leaves the roots of the sandbox, or the kernel denied access.',
  },
  'file.not-directory': { code: 'FAILED_PRECONDITION', retryable: false, about: 'A directory was expected.' },
  'file.is-directory': {
    code: 'FAILED_PRECONDITION',
    retryable: false,
    about: 'A regular file was expected.',
  },
  'file.not-empty': { code: 'FAILED_PRECONDITION', retryable: false, about: 'The directory is not empty.' },
  'file.no-space': {
    code: 'RESOURCE_EXHAUSTED',
    retryable: true,
    about: 'The file system is full or a quota is used up.',
  },
  'file.failed': {
    code: 'INTERNAL',
    retryable: false,
    about: 'Another error of the kernel during a file operation.',
  },
} as const;
