/** Where a layer goes, and what of. */
export interface UnpackRequest {
  /** An existing empty directory of ours; it will be the layer's root. */
  readonly directory: string;
  /**
   * A plain pax tar, already rewritten (`rewriteLayer`): relative names without `..` that pass no link, whiteouts as
   * character devices 0/0, opaque directories by `user.overlay.opaque`, at its end two empty blocks.
   */
  readonly tar: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

/**
 * Writes layers to disk, for an image library that must not do so itself.
 *
 * SAFETY: a layer is hostile. Whoever implements this extracts it where no name and no link in it can reach anything but
 * `directory`, whatever the library let through: quilt does it inside a guest that has nothing else. tests/security/images
 * holds it.
 */
export interface Unpacker {
  /** @throws SovereignError `image.corrupt` with what the extracting program said */
  unpack(request: UnpackRequest): Promise<void>;
  /** Deletes a directory that was unpacked into, with the rights of whoever its files belong to. */
  remove(directory: string): Promise<void>;
}
