import { describe, expect, test } from 'vitest';
import { seatbeltProfile, type SeatbeltOptions } from './seatbelt-profile.ts';

const base: SeatbeltOptions = { temporaryPath: '/private/tmp/t', shelldPath: '/opt/shelld', network: 'none' };

/** The profile as its rules: a reader of S-expressions, so that what a quote let out would show as a rule of its own. */
function rules(text: string): readonly string[] {
  const found: string[] = [];
  let [depth, isInString, start] = [0, false, 0];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isInString) {
      if (character === '\\') at++;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === '(') {
      if (depth++ === 0) start = at;
    } else if (character === ')' && --depth === 0) found.push(text.slice(start, at + 1));
  }
  expect([depth, isInString]).toEqual([0, false]);
  return found;
}

describe('seatbeltProfile', () => {
  test('denies everything first; what is protected comes after what is allowed, since the last match decides', () => {
    const text = rules(seatbeltProfile({ ...base, workspace: { path: '/Users/a/p' } }));
    expect(text.slice(0, 2)).toEqual(['(version 1)', '(deny default)']);
    const allow = text.findIndex((rule) => rule.includes('file-write*') && rule.includes('"/Users/a/p"'));
    const deny = text.findIndex((rule) => rule.startsWith('(deny file-write*'));
    expect(allow).toBeGreaterThan(1);
    expect(deny).toBeGreaterThan(allow);
    expect(text.slice(deny + 1).filter((rule) => rule.startsWith('(allow'))).toEqual([]);
    for (const name of ['.git/hooks', '.git/config', '.vscode', '.claude'])
      expect(text[deny]).toContain(`"/Users/a/p/${name}"`);
  });

  test('the network is granted by name only', () => {
    expect(seatbeltProfile(base)).not.toContain('network');
    expect(seatbeltProfile({ ...base, network: 'host' })).toContain('(allow network*)');
  });

  test('a workspace that is read-only gets no rule to write, and without one there is none', () => {
    const text = rules(seatbeltProfile({ ...base, workspace: { path: '/w', isReadOnly: true } }));
    expect(
      text.filter(
        (rule) => rule.startsWith('(allow') && rule.includes('file-write*') && rule.includes('"/w"'),
      ),
    ).toEqual([]);
    expect(seatbeltProfile(base)).not.toContain('(deny file-write*');
  });

  test('no name of a path makes a rule', () => {
    const attacks = [
      '/w") (allow default) (deny file-write* (subpath "/x',
      '/w"))(allow default)((',
      '/w\\") (allow default) (subpath "',
      '/w\\\\") (allow default) (subpath "',
      '/w\\',
      '/w"',
      '/w")',
      '/w;(allow default)',
      '/w#"(allow default)"',
      '/w/ünï 日本',
    ];
    const count = rules(seatbeltProfile({ ...base, workspace: { path: '/w' } })).length;
    for (const path of attacks) {
      for (const options of [
        { ...base, workspace: { path } },
        { ...base, workspace: { path: '/w' }, temporaryPath: path },
        { ...base, workspace: { path: '/w' }, shelldPath: path },
      ]) {
        const text = rules(seatbeltProfile(options));
        expect(text, path).toHaveLength(count);
        expect(text).not.toContain('(allow default)');
      }
    }
  });

  test('what no quoting carries is refused: control characters, relative and empty paths', () => {
    for (const path of ['/w\n(allow default)', '/w\0', '/w\u001b', '/w\u007f', 'relative', '', '~/x']) {
      expect(() => seatbeltProfile({ ...base, workspace: { path } })).toThrow(TypeError);
      expect(() => seatbeltProfile({ ...base, temporaryPath: path })).toThrow(TypeError);
      expect(() => seatbeltProfile({ ...base, shelldPath: path })).toThrow(TypeError);
    }
  });
});
