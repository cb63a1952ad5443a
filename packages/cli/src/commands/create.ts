import type { CommandContext } from '../command-context.ts';
import { sandboxJson } from '../json/sandbox-json.ts';
import { Interruption } from '../process/interruption.ts';
import { newSandbox } from '../sandbox/new-sandbox.ts';

/** `sovereign create`: a sandbox that stays, and its id. */
export async function run(context: CommandContext): Promise<number> {
  const interruption = new Interruption();
  try {
    const sandbox = await newSandbox(context, interruption, true, {
      autoStart: !context.options.has('no-start'),
    });
    if (context.isJson) await context.output.json({ sandbox: sandboxJson(sandbox), process: null });
    else await context.output.text(`${sandbox.id}\n`);
    return 0;
  } catch (error) {
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  } finally {
    interruption.close();
  }
}
