import { verifies } from '@sovereign/testkit';
import { describe, expect } from 'vitest';
import { idShortfall, type IdSources } from './id-shortfall.ts';

const whole: IdSources = {
  uid: 1000,
  userName: 'ann',
  subuid: 'ann:100000:65536\n',
  subgid: 'ann:100000:65536\n',
  hasProgram: () => true,
};

describe('idShortfall', () => {
  verifies('R-TIER-3', 'root, and a user who is granted ids by name or by number, lack nothing', () => {
    expect(idShortfall({ ...whole, uid: 0, subuid: '', userName: undefined })).toBeUndefined();
    expect(idShortfall(whole)).toBeUndefined();
    expect(idShortfall({ ...whole, subuid: 'bob:1:2\n1000:100000:65536' })).toBeUndefined();
  });

  verifies('R-TIER-3', 'a user without ids is told how to be granted some that are nobody else’s', () => {
    const why = '/etc/subuid grants ann no ids';
    const grant = (range: string) =>
      `Grant some: sudo usermod --add-subuids ${range} --add-subgids ${range} ann`;
    for (const subuid of ['', '\nrubbish\nann:x:1\nann:100000:0\nann:1:2:3\n', 'anna:1:10'])
      expect(idShortfall({ ...whole, subuid, subgid: '' })).toEqual({ why, hint: grant('100000-165535') });
    expect(idShortfall({ ...whole, subuid: 'bob:100000:65536\n', subgid: 'eve:200000:10\n' })).toEqual({
      why,
      hint: grant('200010-265545'),
    });
    expect(idShortfall({ ...whole, subgid: 'bob:100000:65536\n' })?.why).toBe(
      '/etc/subgid grants ann no ids',
    );
  });

  verifies('R-TIER-3', 'a program that is missing, and a user without a name, are told', () => {
    expect(idShortfall({ ...whole, hasProgram: (name) => name !== 'newgidmap' })).toEqual({
      why: 'newgidmap is not installed',
      hint: 'Install it, for example: sudo apt-get install uidmap',
    });
    expect(idShortfall({ ...whole, userName: undefined })?.why).toBe('user 1000 has no name on this host');
  });
});
