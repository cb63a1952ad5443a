/** Bounds of one egress proxy. A guest is hostile: it may open, keep and flood as much as it likes. */
export interface EgressLimits {
  /** Connections at once; further ones are refused. Default 256. */
  readonly maxConnections: number;
  /** A request has to be there after so long, and so has the start of TLS once it has begun. Default 10,000. */
  readonly headTimeoutMs: number;
  /** For one attempt to connect outside. Default 10,000. */
  readonly connectTimeoutMs: number;
  /** For a look-up of a name. Default 10,000. */
  readonly resolveTimeoutMs: number;
  /** A connection over which nothing goes is cut after so long. Default 900,000. */
  readonly idleTimeoutMs: number;
  /** Requests that are judged and recorded: so many at once, so many a second. Further ones are turned away unrecorded, and counted in the next record. Default 1,024 and 128. */
  readonly burst: number;
  readonly perSecond: number;
}

export const defaultEgressLimits: EgressLimits = {
  maxConnections: 256,
  headTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  resolveTimeoutMs: 10_000,
  idleTimeoutMs: 900_000,
  burst: 1_024,
  perSecond: 128,
};
