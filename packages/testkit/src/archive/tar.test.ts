import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { readTar, tarDirectory, tarFile, tarLink, writeTar } from './tar.ts';

const entries = [
  tarDirectory('etc'),
  tarFile('etc/name', 'fake\n', 0o600),
  tarFile('etc/empty', ''),
  tarLink('bin', 'usr/bin'),
  tarFile('block', Buffer.alloc(512, 7)),
];

test('what is written is read again', () => {
  expect(readTar(writeTar(entries))).toEqual(
    entries.map((entry) => ({ ...entry, content: Uint8Array.from(entry.content) })),
  );
});

test('tar(1) reads it', () => {
  const { stdout, status } = spawnSync('tar', ['-tvf', '-'], { input: writeTar(entries), encoding: 'utf8' });
  expect(status).toBe(0);
  expect(stdout.split('\n').filter(Boolean)).toHaveLength(entries.length);
  expect(stdout).toContain('bin -> usr/bin');
});

test.each([
  ['cut in a header', (bytes: Buffer) => bytes.subarray(0, 700)],
  ['cut in content', (bytes: Buffer) => bytes.subarray(0, 1_100)],
  ['without an end', (bytes: Buffer) => bytes.subarray(0, bytes.length - 1_024)],
  ['with a changed byte', (bytes: Buffer) => Buffer.concat([Buffer.from('X'), bytes.subarray(1)])],
])('one %s is refused', (_, spoil) => {
  expect(() => readTar(spoil(writeTar(entries)))).toThrow(/^tar: /);
});
