import { readFileSync } from 'node:fs';

/** Model of the host's processor, which a guest under KVM sees. */
export function cpuModel(): string {
  const found = /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
  return found?.trim() ?? process.arch;
}
