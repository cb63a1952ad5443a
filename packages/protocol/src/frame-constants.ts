// Numbers that stand in fields of frames; the C header takes them from here.

/** Bits of `exec.start` and `exec.attach` flags. */
export const execFlags = {
  /** Give the process a PTY of rows × columns. */
  pty: 1,
  /** stdin stays open for exec.stdin frames; without it stdin ends after the bytes in exec.start. */
  stdin: 2,
  /** The process is a launcher of something that outlives us: it is not tracked below a keeper, and not killed at shutdown. */
  untracked: 4,
  /** Nobody follows the output from the start: it goes to the ring, and the oldest is dropped. The channel ends with done after started (or exited, when it cannot start). */
  detached: 8,
  /**
   * Run as `user` of exec.start: name or uid, and after a colon a group; looked up in /etc/passwd and /etc/group of the guest, as
   * are the supplementary groups. Without it the command is whoever shelld is. A flag, so that a shelld that does not know it refuses.
   */
  user: 16,
} as const;

/** Why a process ended, in `exec.exited`. */
export const exitCauses = {
  exited: 0,
  signalled: 1,
  timeout: 2,
  idleTimeout: 3,
  killed: 4,
  notFound: 5,
  notExecutable: 6,
  badDirectory: 7,
  spawnFailed: 8,
  lost: 9,
} as const;

/** How far a signal reaches. */
export const signalScopes = { child: 0, group: 1, tree: 2 } as const;

/** Bits of file flags. */
export const fileFlags = { exclusive: 1, parents: 2, noFollow: 4, append: 8 } as const;

/** Bits of `system.mount` flags. */
export const mountFlags = { readOnly: 1 } as const;

/** Kinds of file in `file.info`. */
export const fileKinds = { file: 1, directory: 2, link: 3, other: 4 } as const;

/** Kinds of change in `file.changed`. */
export const changeKinds = {
  created: 1,
  modified: 2,
  removed: 3,
  renamedFrom: 4,
  renamedTo: 5,
  attributes: 6,
  overflow: 7,
  gone: 8,
} as const;

/** What became of a layer of isolation, in `layer`. */
export const layerStates = { active: 0, failed: 1, unsupported: 2, notRequested: 3 } as const;

/** Where a tunnel ends inside a guest, in `tunnel.listen` and `tunnel.dial`. */
export const tunnelKinds = { tcp: 1, unix: 2 } as const;
