import { expect, test } from 'vitest';
import { checkUser } from './check-user.ts';

test.each(['app', '1000', 'app:staff', '1000:1000', ':staff', 'a b', 'dömäne\\app', 'x'.repeat(256)])(
  '%j is a user',
  (user) => {
    expect(() => checkUser(user)).not.toThrow();
  },
);

test.each(['', ':', 'app:', 'a:b:c', '::', 'a\nb', 'a\0', '\u001b[m', 'x'.repeat(257), 'ö'.repeat(129)])(
  '%j is none',
  (user) => {
    expect(() => checkUser(user)).toThrow(expect.objectContaining({ reason: 'argument.invalid' }));
  },
);
