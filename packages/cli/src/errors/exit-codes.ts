/** Exit codes of ours. Those of a command that ran in a sandbox pass through, 124, 126, 127 and 128 + n included. */
export const exitCodes = {
  success: 0,
  /** A check that was asked for found something: `audit verify`, `doctor`. */
  checkFailed: 1,
  /** The call itself is wrong. */
  usage: 2,
  /** Sovereign failed, not the command: what Docker's command line uses for the same. */
  failure: 125,
  /** Whoever read our output has closed it: 128 + SIGPIPE. */
  outputClosed: 141,
} as const;

/** Exit code of a program that a signal ended. */
export const signalExitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
export type EndingSignal = keyof typeof signalExitCodes;
