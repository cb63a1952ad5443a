import { existsSync } from 'node:fs';
import type { Probe } from '@sovereign/core';

/** The process tier runs wherever shelld was built; which layers hold is verified from inside at every create. */
export function probeProcess(shelldPath: string, bubblewrap: string | undefined): Probe {
  if (process.platform !== 'linux') {
    return {
      ok: false,
      reason: `The process tier has no shelld for ${process.platform} yet.`,
      hint: 'Use the container tier over Docker.',
    };
  }
  if (!existsSync(shelldPath)) {
    return {
      ok: false,
      reason: `The guest daemon was not built: ${shelldPath}.`,
      hint: 'Run: npm run build:shelld',
    };
  }
  return {
    ok: true,
    detail:
      bubblewrap === undefined
        ? 'Landlock, seccomp and our own namespaces; with bubblewrap it would also have a root of its own (sudo apt-get install bubblewrap)'
        : 'bubblewrap, Landlock, seccomp',
  };
}
