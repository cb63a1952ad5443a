import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LayerLinks, layerParts } from './layer-paths.ts';

const corrupt = expect.objectContaining({ reason: 'image.corrupt' });

describe('names in a layer', () => {
  test.each([
    ['a/b', 'a/b'],
    ['./a//b/.', 'a/b'],
    ['/etc/passwd', 'etc/passwd'],
    ['.', ''],
    ['...', '...'],
  ])('%s is %s', (name, place) => {
    expect(new LayerLinks().resolve(name)).toBe(place);
  });

  test.each(['..', 'a/../b', '../a', 'a/..', '/..', 'a\0b', `a/${'n'.repeat(256)}`, 'd/'.repeat(2_100)])(
    '%j is refused',
    (name) => {
      expect(() => layerParts(name)).toThrow(corrupt);
    },
  );

  test('a name through links has the place that they mean below the root', () => {
    const links = new LayerLinks();
    links.set('lib', '/usr/lib');
    links.set('up', '../../../etc');
    links.set('usr/lib/inner', '../share');
    links.set('loop', 'loop');
    expect(links.resolve('lib/x')).toBe('usr/lib/x');
    expect(links.resolve('up/passwd')).toBe('etc/passwd');
    expect(links.resolve('lib/inner/x')).toBe('usr/share/x');
    expect(links.resolve('lib')).toBe('lib');
    expect(() => links.resolve('loop/x')).toThrow(corrupt);
    links.delete('lib');
    expect(links.resolve('lib/x')).toBe('lib/x');
  });

  test('whatever the links are, a place is below the root and passes none of them', () => {
    const name = fc
      .array(fc.constantFrom('a', 'b', 'c', '.', ''), { minLength: 1, maxLength: 5 })
      .map((parts) => parts.join('/'));
    const target = fc
      .array(fc.constantFrom('a', 'b', 'c', '..', '.', ''), { minLength: 1, maxLength: 5 })
      .map((parts) => parts.join('/'));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, target)), name, (pairs, wanted) => {
        const links = new LayerLinks();
        const places = new Set<string>();
        for (const [link, to] of pairs) {
          const place = place_(links, link);
          if (place === undefined || place === '') continue;
          links.set(place, to);
          places.add(place);
        }
        const place = place_(links, wanted) ?? '';
        expect(place.split('/')).not.toContain('..');
        expect(place.startsWith('/')).toBe(false);
        const parents = place
          .split('/')
          .slice(0, -1)
          .map((_, at, parts) => parts.slice(0, at + 1).join('/'));
        for (const parent of parents) expect(places.has(parent)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Undefined for what is refused. */
function place_(links: LayerLinks, name: string): string | undefined {
  try {
    return links.resolve(name);
  } catch (error) {
    expect(error).toEqual(corrupt);
    return undefined;
  }
}
