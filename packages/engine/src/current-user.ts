import { userInfo } from 'node:os';

/** Who runs this process, for the ledger: the name of the user, or `uid:N` where the host has no name for it, as in a container. */
export function currentUser(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return `uid:${uid}`;
  }
}
