/**
 * Who takes the frames of one channel. A handler is told of each frame of its channel in order, until the terminal
 * frame (which is passed to `frame` like any other, when the id is free again already) or until `fail`.
 *
 * Every method but `fail` throws `channel.protocol` for what does not belong there: it ends the connection.
 */
export interface ChannelHandler {
  /** A frame without stream data; `payload` is only valid during the call. */
  frame(code: number, payload: Uint8Array): void;
  /** So many bytes of data of this type follow. */
  dataStart(code: number, length: number): void;
  /** Part of them. Returns true when the view is kept. */
  data(bytes: Uint8Array): boolean;
  /** The connection is gone. Called once at most, and not after the terminal frame. */
  fail(error: Error): void;
}

/** What a handler needs of the connection it is on. */
export interface ChannelLink {
  /** Sends one encoded frame, which belongs to the link from now on. Dropped when the connection is gone. */
  send(frame: Uint8Array): void;
  /** To be waited for before more bulk data is sent; undefined when there is room. */
  readonly room: Promise<void> | undefined;
}
