/** A refusal by policy, in the same shape everywhere (R-NEW-6). */
export interface Denial {
  /** Tier of the sandbox concerned. */
  readonly tier: string;
  /** What refused: `egress` … */
  readonly mechanism: string;
  /** Why: the rule, or that there is none. */
  readonly rule: string;
  /** What was asked for. */
  readonly resource: string;
  /** The smallest grant that would allow it, as it would be given. */
  readonly grant: string;
}
