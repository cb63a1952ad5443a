/** How a fake guest misbehaves on its channel. */
export type ChannelFailure =
  /** Answers hello with bytes that are no frames. */
  | 'garbage'
  /** Announces a frame of 4 GiB. */
  | 'oversized'
  /** Sends a frame that only the host may send. */
  | 'wrong-side'
  /** Takes everything and answers nothing, not even hello. */
  | 'silent'
  /** Answers everything but ping. */
  | 'no-pong'
  /** Ends the connection after the first output of the first exec. */
  | 'dies';

/** What is to go wrong. Mutable: a test sets it before the step that is to fail, and clears it after. */
export interface FakeFailures {
  /** The host cannot run this tier. */
  probe?: { readonly reason: string; readonly hint: string } | undefined;
  /** `create` fails before, or after, the guest has come up. */
  create?: 'before-guest' | 'after-guest' | undefined;
  connect?: boolean | undefined;
  remove?: boolean | undefined;
  /** `bind` of a running guest fails. */
  bind?: boolean | undefined;
  snapshotTake?: boolean | undefined;
  snapshotResume?: boolean | undefined;
  /** Snapshots cannot be removed, as while guests share their memory. */
  snapshotInUse?: boolean | undefined;
  channel?: ChannelFailure | undefined;
}
