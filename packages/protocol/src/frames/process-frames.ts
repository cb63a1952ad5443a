/** Sessions and the processes in them. */
export const processFrames = {
  'session.open': {
    code: 0x10,
    from: 'host',
    fields: { cwd: 'str', env: 'strs' },
    about:
      'Open a session: a scope for processes with its own working directory and environment. Ids count up from 1.',
  },
  'session.opened': {
    code: 0x11,
    from: 'guest',
    terminal: true,
    fields: { session: 'u32' },
    about: 'Answer to session.open.',
  },
  'session.kill': {
    code: 0x12,
    from: 'host',
    fields: { session: 'u32' },
    about: 'Kill every process of the session and close it. Answer: done, count = processes killed.',
  },
  'exec.start': {
    code: 0x20,
    from: 'host',
    fields: {
      session: 'u32',
      flags: 'u32',
      timeoutMs: 'u32',
      idleTimeoutMs: 'u32',
      drainMs: 'u32',
      ringBytes: 'u32',
      credit: 'u32',
      rows: 'u16',
      columns: 'u16',
      cwd: 'str',
      argv: 'strs',
      env: 'strs',
      stdin: 'bytes',
      user: 'addedStr',
    },
    about:
      'Run argv[0] (found by PATH of env when it has no slash). 0 for a timeout means none; session 0 means none. env is whole, NAME=value. user counts with execFlags.user only. On the channel follow started, output, exited.',
  },
  'exec.started': {
    code: 0x21,
    from: 'guest',
    fields: { process: 'u32', pid: 'u32' },
    about: 'The process runs. process counts up from 1 in each guest; pid is that inside the guest.',
  },
  'exec.stdin': {
    code: 0x22,
    from: 'host',
    fields: { data: 'rest' },
    about: 'Bytes for stdin, within the credit granted (stdinWindowBytes at the start).',
  },
  'exec.stdinEnd': { code: 0x23, from: 'host', fields: {}, about: 'End of stdin.' },
  'exec.stdout': {
    code: 0x24,
    from: 'guest',
    fields: { data: 'rest' },
    about: 'Bytes of stdout, in order, within the credit granted. A PTY has only stdout.',
  },
  'exec.stderr': {
    code: 0x25,
    from: 'guest',
    fields: { data: 'rest' },
    about: 'Bytes of stderr, in order, within the same credit.',
  },
  'exec.exited': {
    code: 0x26,
    from: 'guest',
    terminal: true,
    fields: {
      process: 'u32',
      cause: 'u8',
      code: 'i32',
      signal: 'u8',
      stdoutBytes: 'u64',
      stderrBytes: 'u64',
      wallUs: 'u64',
      userUs: 'u64',
      systemUs: 'u64',
      maxRssKib: 'u64',
    },
    about:
      'How the direct child ended, after all output that was drained. stdoutBytes and stderrBytes count what the process wrote, sent or not.',
  },
  'exec.signal': {
    code: 0x27,
    from: 'host',
    fields: { process: 'u32', signal: 'u8', scope: 'u8' },
    about:
      'Send a signal to the direct child, its process group, or everything it started. Answer: done or refused.',
  },
  'exec.resize': {
    code: 0x28,
    from: 'host',
    fields: { process: 'u32', rows: 'u16', columns: 'u16' },
    about: 'New size of the PTY. Answer: done or refused.',
  },
  'exec.kill': {
    code: 0x29,
    from: 'host',
    fields: { process: 'u32' },
    about:
      'SIGKILL for everything the process started, until nothing is left. Answer: done, count = processes killed.',
  },
  'exec.attach': {
    code: 0x2a,
    from: 'host',
    fields: { process: 'u32', flags: 'u32', stdoutCursor: 'u64', stderrCursor: 'u64', credit: 'u32' },
    about:
      'Follow a process from byte cursors. Answer: attached, then output and exited as after exec.start. The latest attachment gets the output; an earlier one is ended by done.',
  },
  'exec.attached': {
    code: 0x2b,
    from: 'guest',
    fields: { process: 'u32', pid: 'u32', flags: 'u32', stdoutCursor: 'u64', stderrCursor: 'u64' },
    about: 'Where the output begins: later than asked for where the ring no longer holds it.',
  },
  'exec.list': {
    code: 0x2c,
    from: 'host',
    fields: {},
    about: 'List processes, running and retained. Answer: one listed each, then done.',
  },
  'exec.listed': {
    code: 0x2d,
    from: 'guest',
    fields: {
      process: 'u32',
      session: 'u32',
      pid: 'u32',
      flags: 'u32',
      running: 'u8',
      cause: 'u8',
      code: 'i32',
      signal: 'u8',
      startedMs: 'u64',
      stdoutBytes: 'u64',
      stderrBytes: 'u64',
      argv: 'strs',
    },
    about:
      'One process. startedMs is Unix time; argv is cut to 4 KiB. Fields of the exit are 0 while it runs.',
  },
  'exec.forget': {
    code: 0x2e,
    from: 'host',
    fields: { process: 'u32' },
    about: 'Drop the retained output of an exited process. Answer: done or refused.',
  },
} as const;
