/** What the host asks of the init of a virtual machine. */
export const systemFrames = {
  'system.identify': {
    code: 0x50,
    from: 'host',
    fields: { entropy: 'bytes', realtimeUs: 'u64', hostName: 'str', machineId: 'str' },
    about:
      'Only to the init of a virtual machine: who it is from now on. Entropy is added and the random generator reseeded, then the clock, host name, machine id and boot id are set. Before anything runs in a machine that was resumed. Answer: done.',
  },
  'system.mount': {
    code: 0x51,
    from: 'host',
    fields: { tag: 'str', path: 'str', flags: 'u32' },
    about:
      'Only to the init of a virtual machine: mount a directory that the host shares (9p). Answer: done.',
  },
  'system.unmount': {
    code: 0x52,
    from: 'host',
    fields: { path: 'str' },
    about: 'Undo system.mount; refused with EBUSY while a process uses it. Answer: done.',
  },
  'system.sync': {
    code: 0x53,
    from: 'host',
    fields: {},
    about: 'Only to the init of a virtual machine: write everything to its disk. Answer: done.',
  },
  'system.shutdown': {
    code: 0x54,
    from: 'host',
    fields: { graceMs: 'u32' },
    about:
      'Only to the init of a virtual machine: SIGTERM to everything, SIGKILL after the grace, write to disk, end the machine. Answer: done, at once.',
  },
  'system.usage': {
    code: 0x55,
    from: 'host',
    fields: {},
    about: 'Only to the init of a virtual machine: what is in use. Answer: used.',
  },
  'system.used': {
    code: 0x56,
    from: 'guest',
    terminal: true,
    fields: { processes: 'u32', memoryBytes: 'u64' },
    about: 'Processes without threads of the kernel, and memory that is neither free nor cache.',
  },
} as const;
