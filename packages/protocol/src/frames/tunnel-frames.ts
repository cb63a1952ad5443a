/** Connections into the guest and out of it. */
export const tunnelFrames = {
  'tunnel.listen': {
    code: 0x60,
    from: 'host',
    fields: { kind: 'u8', port: 'u16', backlog: 'u16', address: 'str', names: 'strs' },
    about:
      'Listen inside the guest: on a loopback address (empty: 127.0.0.1) and port (0: any), or on the path of a unix socket. names resolve to the address while it lasts. Answer: listening, then incoming for each connection, until cancel (done).',
  },
  'tunnel.listening': {
    code: 0x61,
    from: 'guest',
    fields: { port: 'u16', isNamed: 'u8' },
    about: 'It listens; port is the one taken. isNamed is 1 when the names were entered in the hosts file.',
  },
  'tunnel.incoming': {
    code: 0x62,
    from: 'guest',
    fields: { connection: 'u32' },
    about:
      'A connection waits to be taken or refused by its id, which counts up from 1 on each listener. At most backlog of them wait so.',
  },
  'tunnel.refuse': {
    code: 0x63,
    from: 'host',
    fields: { connection: 'u32' },
    about: 'On the channel of its listener: reset a connection that waits.',
  },
  'tunnel.accept': {
    code: 0x64,
    from: 'host',
    fields: { listener: 'u32', connection: 'u32', credit: 'u32' },
    about:
      'Take a connection that waits; listener is the channel it was announced on. Answer: open, then as after tunnel.dial.',
  },
  'tunnel.dial': {
    code: 0x65,
    from: 'host',
    fields: { kind: 'u8', port: 'u16', address: 'str', credit: 'u32' },
    about:
      'Connect inside the guest, to what tunnel.listen could listen on. Answer: open, then data and end both ways; done when both sides have ended, or reset. A cancel resets it.',
  },
  'tunnel.open': { code: 0x66, from: 'guest', fields: {}, about: 'The connection is there.' },
  'tunnel.data': {
    code: 0x67,
    from: 'both',
    fields: { data: 'rest' },
    about:
      'Bytes of the connection, within the credit granted (tunnelWindowBytes at the start for the host).',
  },
  'tunnel.end': {
    code: 0x68,
    from: 'both',
    fields: {},
    about: 'No more data comes from this side; the other may go on.',
  },
  'tunnel.reset': {
    code: 0x69,
    from: 'guest',
    terminal: true,
    fields: { errno: 'u16' },
    about: 'The connection broke inside the guest.',
  },
} as const;
