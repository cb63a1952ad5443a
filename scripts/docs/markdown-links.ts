/** A link of a Markdown page to something of this repository. */
export interface LocalLink {
  readonly target: string;
  readonly line: number;
}

/** Relative links and images outside of code; links to elsewhere and to headings of the same page are left out. */
export function localLinks(markdown: string): readonly LocalLink[] {
  let isFenced = false;
  return markdown.split('\n').flatMap((text, index) => {
    if (/^\s*(?:```|~~~)/.test(text)) isFenced = !isFenced;
    if (isFenced) return [];
    const prose = text.replaceAll(/`[^`]*`/g, (code) => '`'.repeat(code.length));
    const inline = [...prose.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)];
    const definitions = [...prose.matchAll(/^\s*\[[^\]]+\]:\s+(\S+)/g)];
    return [...inline, ...definitions].flatMap(([, target = '']) =>
      /^(?:[a-z][a-z0-9+.-]*:|#)/i.test(target) ? [] : [{ target, line: index + 1 }],
    );
  });
}
