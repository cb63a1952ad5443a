import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '@sovereign/guest';

const applets = [
  'sh',
  'true',
  'echo',
  'cat',
  'ls',
  'touch',
  'rm',
  'mkdir',
  'id',
  'env',
  'sleep',
  'wc',
  'dd',
  'ping',
  'nc',
];

/**
 * The smallest root file system that has a shell, as a tar archive.
 *
 * @throws Error without a static busybox on the host
 */
export function busyboxRoot(): Buffer {
  const busybox = findProgram('busybox');
  if (busybox === undefined) throw new Error('busybox is not installed');
  const root = mkdtempSync('/tmp/svb-');
  try {
    mkdirSync(join(root, 'bin'));
    copyFileSync(busybox, join(root, 'bin', 'busybox'));
    for (const applet of applets) symlinkSync('busybox', join(root, 'bin', applet));
    return execFileSync('tar', ['-C', root, '-c', '.'], { maxBuffer: 64 * 1024 * 1024 });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Bytes as a stream of pieces. */
export async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array, undefined> {
  for (let at = 0; at < bytes.length; at += 65_536)
    yield await Promise.resolve(bytes.subarray(at, at + 65_536));
  return undefined;
}
