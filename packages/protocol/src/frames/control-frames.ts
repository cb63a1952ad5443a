/** Frames of channel 0, and those that any channel may carry. */
export const controlFrames = {
  hello: {
    code: 0x01,
    from: 'host',
    fields: { generation: 'u16', lowestGeneration: 'u16', client: 'str' },
    about: 'First frame of a connection. Requests may follow at once, before the welcome.',
  },
  welcome: {
    code: 0x02,
    from: 'guest',
    fields: { generation: 'u16', pid: 'u32', instance: 'str', version: 'str', roots: 'strs' },
    about:
      'Answer to hello: the lower of both generations, a random id of this shelld, the roots of file operations.',
  },
  layer: {
    code: 0x03,
    from: 'guest',
    fields: { name: 'str', state: 'u8', detail: 'str' },
    about: 'One layer of isolation as seen from inside; all of them come before the welcome.',
  },
  ping: {
    code: 0x04,
    from: 'host',
    fields: { nonce: 'u64' },
    about: 'Round trip through the event loop of shelld.',
  },
  pong: { code: 0x05, from: 'guest', fields: { nonce: 'u64' }, about: 'Answer to ping with the same nonce.' },
  credit: {
    code: 0x06,
    from: 'both',
    fields: { bytes: 'u32' },
    about:
      'The other side may send so many more bytes of data (stdin, output, file content) on this channel.',
  },
  cancel: {
    code: 0x07,
    from: 'host',
    fields: {},
    about:
      'End this channel: stop a read, a write (nothing is left of it), a watch; leave an exec running and let go of it.',
  },
  refused: {
    code: 0x08,
    from: 'guest',
    terminal: true,
    fields: { errno: 'u16', operation: 'str', subject: 'str', message: 'str' },
    about:
      'The request was not carried out. errno is that of Linux; subject is the path, program or id concerned.',
  },
  done: {
    code: 0x09,
    from: 'guest',
    terminal: true,
    fields: { count: 'u64' },
    about:
      'The request was carried out. count: entries listed, bytes read, processes killed …; 0 where there is nothing to count.',
  },
} as const;
