import { expect, test } from 'vitest';
import { findShelld } from './shelld-binary.ts';

test('SOVEREIGN_SHELLD names it; what is not there is shelld.missing with the command that builds it', () => {
  expect(findShelld({ SOVEREIGN_SHELLD: '/bin/sh' })).toBe('/bin/sh');
  expect(() => findShelld({ SOVEREIGN_SHELLD: '/no/such' })).toThrow(
    expect.objectContaining({
      reason: 'shelld.missing',
      hint: expect.stringContaining('npm run build:shelld') as string,
    }),
  );
});
