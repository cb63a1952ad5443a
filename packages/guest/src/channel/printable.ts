/** Longest text of a guest that goes into a message of ours, in characters. */
const maxPrintedChars = 200;

/**
 * Text of a guest made fit for a message: cut, without control characters, line breaks, or marks that turn the
 * direction of writing.
 */
export function printable(text: string): string {
  const cut = text.length > maxPrintedChars ? `${text.slice(0, maxPrintedChars)}…` : text;
  // SAFETY: no terminal escape of a guest reaches a person; printable.test.ts holds it.
  return cut.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}
