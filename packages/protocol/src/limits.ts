/**
 * Limits of the guest channel. Both sides enforce them before they allocate anything.
 * The C header is generated from this object, so a limit stands in one place only.
 */
export const channelLimits = {
  /** Largest payload of one frame, in bytes. A longer announced length ends the connection. */
  maxPayloadBytes: 1_048_576,
  /** Bytes of a frame before its payload: u32 length, u8 type, u32 channel, all little-endian. */
  headerBytes: 9,
  /** Most entries of one string list (argv, env). Linux allows more; a list this long is a mistake or an attack. */
  maxListEntries: 16_384,
  /** Bytes of stdin that the host may send ahead on one exec before the guest grants more credit. */
  stdinWindowBytes: 262_144,
  /** Bytes of file content that the host may send ahead on one write before the guest grants more credit. */
  fileWindowBytes: 1_048_576,
  /** Default credit that the host grants for the output of one exec or file read. Twice the ring keeps the pipe busy. */
  outputWindowBytes: 2_097_152,
  /** Retained output of one stream of one process when the caller does not say; the pipe of Linux at its usual maximum. */
  defaultRingBytes: 1_048_576,
  /** Smallest and largest ring that the guest grants, whatever it is asked for. */
  minRingBytes: 4_096,
  maxRingBytes: 4_194_304,
  /** Processes (running, or exited and retained) that one guest keeps; further execs are refused, oldest exited ones are forgotten first. */
  maxProcesses: 1_024,
  /** Exited processes whose output stays readable; the oldest is forgotten first. */
  maxRetainedProcesses: 64,
  /** Sessions open at once in one guest. */
  maxSessions: 256,
  /** Connections that one guest serves at once; a further one is closed. */
  maxConnections: 64,
  /** Channels open at once on one connection. */
  maxChannelsPerConnection: 4_096,
  /** Longest path or name that is accepted, in bytes (PATH_MAX of Linux). */
  maxPathBytes: 4_096,
  /** Entries that one listing returns at most; a longer directory is paged by `offset`. */
  maxListedEntries: 10_000,
  /** Bytes that either side may send ahead on one tunnel: enough to keep it busy while the other waits for a CPU. */
  tunnelWindowBytes: 1_048_576,
  /** Tunnels open at once in one guest, and listeners of them. */
  maxTunnels: 512,
  maxTunnelListeners: 128,
  /** Connections of one tunnel listener that wait for the host to take them; further ones wait in the kernel. */
  maxTunnelBacklog: 64,
  /** Names that one tunnel listener may bring, and the longest of them in bytes. */
  maxTunnelNames: 8,
  maxTunnelNameBytes: 128,
  /** Grace between SIGTERM and SIGKILL when a timeout ends a process, in milliseconds. */
  timeoutGraceMs: 0,
  /** How long output is awaited after the direct child has exited while others hold the pipe, unless the caller says. */
  defaultDrainMs: 50,
} as const;

/** Generations of the channel that this build speaks: the highest, and the lowest it still understands. */
export const channelGeneration = { current: 1, lowest: 1 } as const;
