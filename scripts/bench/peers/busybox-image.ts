import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Available } from '../figure.ts';
import { findProgram } from './find-program.ts';

const applets = ['sh', 'true', 'head', 'sleep'] as const;

/**
 * A tar archive of the smallest root filesystem that the peers' commands run in: nothing is downloaded.
 *
 * @throws Error without busybox on the host.
 */
export function busyboxImage(program: Available<string>): Buffer {
  const busybox = findProgram('busybox');
  if (busybox === undefined) throw new Error('busybox, of which its image is made, is not installed');
  const root = mkdtempSync(join(tmpdir(), 'sb-image-'));
  try {
    const bin = join(root, 'bin');
    mkdirSync(bin);
    copyFileSync(busybox, join(bin, 'busybox'));
    for (const applet of applets) symlinkSync('busybox', join(bin, applet));
    if (program.ok) copyFileSync(program.value, join(bin, 'nothing'));
    return execFileSync('tar', ['-C', root, '-c', '.'], { maxBuffer: 64 * 2 ** 20 });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
