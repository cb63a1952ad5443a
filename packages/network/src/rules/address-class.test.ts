import { expect, test } from 'vitest';
import { addressClass, type AddressClass } from './address-class.ts';
import { parseIp } from './ip-address.ts';

test.each<readonly [string, AddressClass]>([
  ['1.1.1.1', 'public'],
  ['8.8.8.8', 'public'],
  ['2606:4700::1111', 'public'],
  ['172.15.255.255', 'public'],
  ['172.32.0.0', 'public'],
  ['100.63.255.255', 'public'],
  ['100.128.0.0', 'public'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['0.0.0.0', 'loopback'],
  ['0.1.2.3', 'loopback'],
  ['::', 'loopback'],
  ['::1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:10.0.0.1', 'private'],
  ['10.1.2.3', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.0.1', 'private'],
  ['fd12::1', 'private'],
  ['fc00::1', 'private'],
  ['169.254.0.1', 'linkLocal'],
  ['fe80::1', 'linkLocal'],
  ['169.254.169.254', 'metadata'],
  ['::ffff:169.254.169.254', 'metadata'],
  ['168.63.129.16', 'metadata'],
  ['100.100.100.200', 'metadata'],
  ['fd00:ec2::254', 'metadata'],
  ['100.64.0.1', 'carrierNat'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['ff02::1', 'multicast'],
  ['255.255.255.255', 'reserved'],
  ['240.0.0.1', 'reserved'],
  ['192.0.2.1', 'reserved'],
  ['198.18.0.1', 'reserved'],
  ['2001:db8::1', 'reserved'],
  ['2001::1', 'reserved'],
  ['4000::1', 'reserved'],
  ['64:ff9b::7f00:1', 'loopback'],
  ['64:ff9b::a9fe:a9fe', 'metadata'],
  ['64:ff9b::808:808', 'reserved'],
  ['2002:7f00:1::', 'loopback'],
  ['2002:a00:1::1', 'private'],
  ['::127.0.0.1', 'loopback'],
  ['64:ff9b:1::1', 'reserved'],
])('%s is %s', (text, kind) => {
  const address = parseIp(text);
  expect(address && addressClass(address)).toBe(kind);
});

test('an address of an interface of this host is not public', () => {
  const [own, other] = [parseIp('5.6.7.8'), parseIp('5.6.7.9')];
  if (own === undefined || other === undefined) return expect.unreachable();
  expect(addressClass(own, () => [own])).toBe('ownHost');
  expect(addressClass(other, () => [own])).toBe('public');
  return undefined;
});
