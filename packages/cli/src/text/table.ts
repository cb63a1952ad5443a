import { neutralise } from './neutralise.ts';

/** Lines of a table: columns as wide as their widest cell, two spaces between them, nothing behind the last. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows].map((row) => row.map((cell) => neutralise(cell)));
  const widths = header.map((_, column) => Math.max(...lines.map((row) => width(row[column] ?? ''))));
  return lines
    .map((row) =>
      row
        .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** Cells of a terminal that a text takes: wide characters of East Asia and pictures take two, marks none. */
export function width(text: string): number {
  let cells = 0;
  for (const character of text) {
    if (/\p{Mn}/u.test(character)) continue;
    cells += /[ᄀ-ᅟ⺀-꓏가-힣豈-﫿︰-﹯＀-｠￠-￦\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u.test(character)
      ? 2
      : 1;
  }
  return cells;
}
