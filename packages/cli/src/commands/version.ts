import type { CommandContext } from '../command-context.ts';
import { version } from '../bin/version.ts';

/** `sovereign version`. JSON: `{"version","node","platform","arch"}`. */
export async function run({ output, isJson }: CommandContext): Promise<number> {
  const { platform, arch, version: node } = process;
  if (isJson) await output.json({ version, node, platform, arch });
  else await output.text(`sovereign ${version}\n`);
  return 0;
}
