/**
 * The one thing a backend hands over: bytes both ways between the host and the guest's shelld.
 *
 * Iterating yields what the guest sends, in order; the iteration ends when the guest closes and throws when the
 * connection breaks. A stream is iterated once. A consumer that does not iterate costs bounded memory: reading stops.
 */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  /**
   * Sends bytes, in order. The caller must not change them afterwards.
   * Returns nothing when there is room, or a promise to wait for before more is written (backpressure).
   * Bytes written to a stream that has ended are dropped: the end shows on the reading side.
   */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** Ends both directions at once. Safe to call twice. */
  close(): Promise<void>;
}
