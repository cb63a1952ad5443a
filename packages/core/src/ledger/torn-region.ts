/**
 * True when bytes after the last record can be what an interrupted write leaves: the beginning of record `seq` without
 * its newline, and for each recovery that was itself interrupted another such beginning on a line of its own. A line
 * that was written whole and changed afterwards has its newline and does not pass, so damage is not taken for a crash.
 */
export function isTornRegion(region: Buffer, seq: number): boolean {
  const opening = `{"seq":${seq},`;
  const pieces = region.toString('latin1').split('\n');
  return pieces.every(
    (piece) => piece.length > 0 && (piece.startsWith(opening) || opening.startsWith(piece)),
  );
}
