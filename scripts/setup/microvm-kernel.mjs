import { existsSync, readdirSync } from 'node:fs';
import process from 'node:process';
import { runCommand } from '../phases/run-command.mjs';
import { isOnPath } from './host-programs.mjs';

const sources = '/usr/src';

/**
 * Builds the kernel that the tests of microVMs boot, once; it takes about three minutes. Without QEMU or the source of a
 * kernel the tests of that tier are skipped, and say so.
 *
 * @returns {Promise<string>}
 */
export async function buildMicrovmKernel() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'not on this machine';
  if (!isOnPath('qemu-system-x86_64')) return 'not without QEMU';
  const hasSource =
    existsSync(sources) && readdirSync(sources).some((name) => /^linux-source-[\d.]+\.tar\.xz$/.test(name));
  if (!hasSource) return 'not without the source of a kernel (linux-source-6.1)';
  const outcome = await runCommand('node_modules/.bin/tsx', [
    '--conditions=@sovereign/source',
    'scripts/build-microvm.ts',
  ]);
  return outcome.ok ? '' : `it was not built: ${outcome.output.trim().split('\n').at(-1) ?? outcome.end}`;
}
