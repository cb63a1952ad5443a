/** What a crash or a stranger left of things that are ours, or what nobody uses any more. */
export interface Leftover {
  /** Of what kind it is: `sandbox`, `directory`, `cgroup`, `device`, `layer`, `root`, `network`, `socket` … */
  readonly kind: string;
  readonly id: string;
  /** Why nobody needs it. */
  readonly why: string;
  /** On disk. */
  readonly bytes: number;
}

/** Who can say what nobody needs of the things that it made, and remove it. */
export interface Sweeper {
  /** What nobody needs any more. Looking changes nothing. */
  leftovers(): Promise<readonly Leftover[]>;
  /** Looks again, and removes it. @throws SovereignError `argument.invalid` for what is needed by now, or gone */
  sweep(leftover: Leftover): Promise<void>;
}
