/**
 * Text of a guest, or of anybody else, made fit for a terminal: control characters, escapes and marks that turn the
 * direction of writing become visible signs. Line breaks and tabs stay only when `keepsLines`.
 */
export function neutralise(text: string, options: { readonly keepsLines?: boolean } = {}): string {
  // SAFETY: no escape of a guest reaches a person's terminal through a text of ours; neutralise.test.ts holds it.
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    if (options.keepsLines === true && (character === '\n' || character === '\t')) return character;
    return visible(character);
  });
}

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code === 0x1b) return '␛';
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return `\\u{${code.toString(16)}}`;
}
