import type { Probe } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import type { SandboxProgram } from './sandbox-program.ts';

/** Whether Docker Sandboxes answers here: its program, and its daemon behind it. A guest is not made: that takes minutes. */
export async function probeDockerSandbox(program: () => SandboxProgram, platform: string): Promise<Probe> {
  if (platform !== 'darwin' && platform !== 'linux')
    return {
      ok: false,
      reason: 'Docker Sandboxes is driven on macOS and Linux only.',
      hint: 'Use another tier.',
    };
  try {
    const found = program();
    const version = await found.version();
    await found.list();
    const what = found.kind === 'sbx' ? `sbx ${version}` : `docker sandbox ${version}, which is deprecated`;
    const byNameOnly = reasonAgainst(found, platform);
    return {
      ok: true,
      detail: `${what}: its daemon answers`,
      ...(byNameOnly !== undefined && { byNameOnly }),
    };
  } catch (error) {
    if (error instanceof SovereignError) return { ok: false, reason: error.message, hint: error.hint };
    throw error;
  }
}

/** Why `auto` leaves it alone although it answers. */
function reasonAgainst({ kind }: SandboxProgram, platform: string): string | undefined {
  if (kind === 'plugin') return 'the docker sandbox command cannot be asked which network policy it enforces';
  if (platform === 'linux')
    return 'its machines show neither the files of this host as image nor shields in a workspace';
  return undefined;
}
