/** Files below the roots of the guest. */
export const fileFrames = {
  'file.read': {
    code: 0x40,
    from: 'host',
    fields: { path: 'str', offset: 'u64', length: 'u64', credit: 'u32' },
    about: 'Read a regular file; length 0 means to its end. Answer: info, data …, done (count = bytes).',
  },
  'file.data': {
    code: 0x41,
    from: 'both',
    fields: { data: 'rest' },
    about: 'Content of a file, within the credit granted (fileWindowBytes at the start of a write).',
  },
  'file.write': {
    code: 0x42,
    from: 'host',
    fields: { path: 'str', mode: 'u32', flags: 'u32' },
    about:
      'Write a file through a temporary neighbour that replaces it on commit; until then the old content stays. mode 0 keeps the mode of an existing file, else 0644.',
  },
  'file.commit': {
    code: 0x43,
    from: 'host',
    fields: {},
    about: 'All content was sent: put the file in place. Answer: info, done (count = bytes).',
  },
  'file.stat': {
    code: 0x44,
    from: 'host',
    fields: { path: 'str', flags: 'u32' },
    about: 'Answer: info, done. fileFlags.noFollow describes a link itself.',
  },
  'file.info': {
    code: 0x45,
    from: 'guest',
    fields: {
      kind: 'u8',
      mode: 'u32',
      size: 'u64',
      modifiedMs: 'u64',
      uid: 'u32',
      gid: 'u32',
      links: 'u32',
      name: 'str',
      target: 'str',
    },
    about:
      'One file. mode is the permission bits; name is the last component; target is where a link points.',
  },
  'file.list': {
    code: 0x46,
    from: 'host',
    fields: { path: 'str', offset: 'u32', limit: 'u32' },
    about:
      'Entries of a directory sorted by name (bytes). Answer: info each, done (count = entries in the whole directory).',
  },
  'file.makeDirectory': {
    code: 0x47,
    from: 'host',
    fields: { path: 'str', mode: 'u32', flags: 'u32' },
    about: 'Answer: done. fileFlags.parents makes missing parents and accepts an existing directory.',
  },
  'file.rename': {
    code: 0x48,
    from: 'host',
    fields: { from: 'str', to: 'str', flags: 'u32' },
    about: 'Answer: done. fileFlags.exclusive refuses an existing target.',
  },
  'file.remove': {
    code: 0x49,
    from: 'host',
    fields: { path: 'str', flags: 'u32' },
    about:
      'Answer: done (count = entries removed). fileFlags.parents removes a directory with what it holds.',
  },
  'file.watch': {
    code: 0x4a,
    from: 'host',
    fields: { path: 'str' },
    about:
      'Follow one directory or file. Answer: watching, then changed for each event, until cancel (done).',
  },
  'file.watching': {
    code: 0x4b,
    from: 'guest',
    fields: {},
    about: 'The watch is set: every change from now on is reported.',
  },
  'file.changed': {
    code: 0x4c,
    from: 'guest',
    fields: { kind: 'u8', name: 'str' },
    about: 'One change below the watched path. kind overflow: events were lost, look again.',
  },
} as const;
