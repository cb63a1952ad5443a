import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const root = '/sys/fs/cgroup';

/** Whether a control group of that name is at the top of any hierarchy. */
export function hasControlGroup(name: string): boolean {
  return everywhere(name).length > 0;
}

const patienceMs = 5_000;

/**
 * Removes a control group and those in it, in every hierarchy: engines leave their parents behind. Their processes have
 * ended, but some hierarchies are busy for a moment longer.
 */
export async function removeControlGroup(name: string): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (const path of everywhere(name)) {
    while (!removeTree(path)) {
      if (performance.now() > deadline) throw new Error(`a control group stays: ${path}`);
      await delay(50);
    }
  }
}

function everywhere(name: string): string[] {
  if (!existsSync(root)) return [];
  return [join(root, name), ...readdirSync(root).map((hierarchy) => join(root, hierarchy, name))].filter(
    existsSync,
  );
}

function removeTree(path: string): boolean {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(path, entry.name));
    }
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}
