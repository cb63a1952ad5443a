import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dockerfileBases } from './dockerfile-bases.ts';

describe('images that a Dockerfile needs', () => {
  test.each<[string, readonly string[]]>([
    ['FROM alpine:3', ['alpine:3']],
    ['# FROM x\nfrom alpine AS build\nFROM build\nCOPY --from=build /a /a', ['alpine']],
    ['ARG V=3\nARG BASE=alpine:$V\nFROM ${BASE}', ['alpine:3']],
    ['ARG V\nFROM alpine:${V:-3.1}', ['alpine:3.1']],
    ['FROM --platform=linux/amd64 \\\n  team/app@sha256:x AS one\nCOPY --from=busybox /bin/sh /\nCOPY --from=0 /a /b', ['team/app@sha256:x', 'busybox']],
    ['FROM scratch\nRUN --mount=type=bind,from=tools,target=/t true', ['tools']],
    ['FROM $UNKNOWN', []],
    ['', []],
  ])('%j', (text, bases) => {
    expect(dockerfileBases(text, {})).toEqual(bases);
  }); // prettier-ignore

  test('arguments of the caller win', () => {
    expect(dockerfileBases('ARG V=3\nFROM alpine:$V', { V: '4' })).toEqual(['alpine:4']);
  });

  test('any text is read', () => {
    const words = fc.constantFrom(
      'FROM ',
      'ARG ',
      'COPY --from=',
      '\\',
      '\n',
      '$',
      '{',
      '}',
      'a',
      '=',
      ':-',
      ' AS ',
      '#',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 60 }), (parts) => void dockerfileBases(parts.join(''), {})),
      { numRuns: 2_000 },
    );
  });
});
