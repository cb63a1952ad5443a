import { checkString, invalid } from './argument-checks.ts';

/** A user as `docker run --user` has it. Whether there is such a user only the guest can say. */
const userPattern = /^(?!.*:$)[^\p{Cc}:]*(?::[^\p{Cc}:]+)?$/u;

/** @throws SovereignError `argument.invalid` */
export function checkUser(user: string): void {
  checkString('user', user);
  if (user === '' || Buffer.byteLength(user) > 256 || !userPattern.test(user))
    throw invalid(
      'user',
      user,
      'a name or number, and after a colon a group: app, 1000, app:staff, 1000:1000',
    );
}
