import { argument, type CommandContext } from '../command-context.ts';
import { execRequest } from '../process/exec-request.ts';
import { Interruption } from '../process/interruption.ts';
import { runDetached, runForJson, runStreaming } from '../process/run-command.ts';

/** `sovereign exec`: a command in a sandbox that runs. */
export async function run(context: CommandContext): Promise<number> {
  const { options, output, isJson } = context;
  const request = execRequest(context);
  const interruption = new Interruption();
  try {
    const client = await context.client();
    const sandbox = await client.connect(argument(context, 0), { signal: interruption.signal });
    if (options.has('detach')) {
      const process = await runDetached(sandbox, request);
      if (isJson) await output.json({ sandbox: sandbox.id, process });
      else await output.text(`${process}\n`);
      return 0;
    }
    if (!isJson)
      return await runStreaming(sandbox, request, context, interruption, options.has('interactive'));
    const result = await runForJson(sandbox, request, interruption);
    await output.json({ sandbox: sandbox.id, result });
    return result.exitCode;
  } catch (error) {
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  } finally {
    interruption.close();
  }
}
