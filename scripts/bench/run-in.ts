import type { Sandbox } from '@sovereign/sdk';

/** Runs a command to its end. @throws Error with what it said when that is not 0 */
export async function runIn(sandbox: Sandbox, command: string, args: readonly string[] = []): Promise<void> {
  const { exitCode, stderrText } = await sandbox.exec({ command, args });
  if (exitCode !== 0) throw new Error(`${command}: exit code ${exitCode} ${stderrText}`);
}
