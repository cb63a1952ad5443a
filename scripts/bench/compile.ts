import { spawnSync } from 'node:child_process';
import { absent, available, type Available } from './figure.ts';

/**
 * Compiles a static C program. musl's compiler first: at its start a program of glibc asks the processor some twenty
 * times what it can do (cpuid), and in a virtual machine each costs an exit to the hypervisor, 0.4 ms in all.
 */
export function compileStatic(source: string, path: string): Available<string> {
  let said = '';
  for (const compiler of ['musl-gcc', 'cc']) {
    const args = ['-static', '-O2', '-o', path, '-x', 'c', '-'];
    const { status, stderr, error } = spawnSync(compiler, args, { input: source, encoding: 'utf8' });
    if (status === 0) return available(path);
    said = error?.message ?? stderr.trim().slice(0, 200);
  }
  return absent(`no static program can be compiled: ${said}`);
}
