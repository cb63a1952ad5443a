import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { rawTar, type RawEntry } from '../../packages/images/src/tar/tar-for-test.ts';

const programs = [
  'sh',
  'cat',
  'ls',
  'stat',
  'id',
  'pwd',
  'rm',
  'grep',
  'cut',
  'tr',
  'chmod',
  'true',
  'sleep',
];

/** The tar of a root file system of busybox, with a few files to change. */
export async function busyboxRoot(): Promise<Buffer> {
  const path = ['/bin/busybox', '/usr/bin/busybox'].find((candidate) => existsSync(candidate)) ?? '';
  const entries: RawEntry[] = [
    { name: 'bin/', type: '5' },
    { name: 'bin/busybox', content: await readFile(path) },
    ...programs.map((name) => ({ name: `bin/${name}`, type: '1', link: 'bin/busybox' })),
    { name: 'etc/', type: '5' },
    { name: 'etc/base', content: 'base' },
    { name: 'etc/gone', content: 'gone' },
    { name: 'data/', type: '5' },
    { name: 'data/old', content: 'old' },
    { name: 'tmp/', type: '5', mode: 0o1777 },
  ];
  return rawTar(entries);
}
