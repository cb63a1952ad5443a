import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatReference, normaliseReference, parseReference } from './image-reference.ts';

const digest = `sha256:${'a1'.repeat(32)}`;
const invalid = expect.objectContaining({ reason: 'image.invalid' });

describe('names of images', () => {
  test.each([
    ['alpine', 'docker.io/library/alpine:latest'],
    ['alpine:3', 'docker.io/library/alpine:3'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest'],
    ['index.docker.io/library/alpine', 'docker.io/library/alpine:latest'],
    ['host.example:5000', 'docker.io/library/host.example:5000'],
    ['team/app', 'docker.io/team/app:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest'],
    ['127.0.0.1:5000/a/b/c:v1', '127.0.0.1:5000/a/b/c:v1'],
    ['[::1]:5000/app', '[::1]:5000/app:latest'],
    ['registry.example/a__b-c.d/e', 'registry.example/a__b-c.d/e:latest'],
    ['Registry/app', 'Registry/app:latest'],
    [`alpine@${digest}`, `docker.io/library/alpine@${digest}`],
    [`alpine:3@${digest}`, `docker.io/library/alpine:3@${digest}`],
  ])('%s is %s', (text, whole) => {
    expect(normaliseReference(text)).toBe(whole);
  });

  test.each([
    '', ' ', 'Alpine', 'a b', '../etc', 'a/../b', 'a//b', '/a', 'a/', 'a:', ':tag', 'a@', 'a@sha256:xyz', `a@sha512:${'a'.repeat(128)}`,
    `a@${digest}@${digest}`, 'a'.repeat(256), `a:${'t'.repeat(129)}`, 'a:.t', '-a', 'a-', 'a..b', 'a___b', 'ho st/a.b', 'a%2f/b.c', 'host:99999/a',
    'host:/a', 'user@host/a', 'http://host/a', 'host.example/\u0000a', 'a\n', '[::1/a', 'f'.repeat(64), 'ä/b', 'a?x=1', 'a#b',
    '-host.example/a', 'host..example/a', '.host/a',
  ])('%j is refused', (text) => {
    expect(() => parseReference(text)).toThrow(invalid);
  }); // prettier-ignore

  test('any text is a name whose spelling is stable, or is refused', () => {
    const near = fc.stringMatching(/^[a-zA-Z0-9.:/@_\-[\]]{0,80}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (text) => {
        try {
          const whole = formatReference(parseReference(text));
          expect(normaliseReference(whole)).toBe(whole);
          expect(whole).toMatch(/^[a-zA-Z0-9.:/@_\-[\]]+$/);
          expect(whole.split('/')).not.toContain('..');
        } catch (error) {
          expect(error).toEqual(invalid);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
