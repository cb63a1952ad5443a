import type { Sandbox } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { UsageError } from '../errors/usage-error.ts';
import { sandboxJson } from '../json/sandbox-json.ts';
import { execRequest } from '../process/exec-request.ts';
import { Interruption } from '../process/interruption.ts';
import { runDetached, runForJson, runStreaming } from '../process/run-command.ts';
import { newSandbox } from '../sandbox/new-sandbox.ts';

/** `sovereign run`: a command in a sandbox of its own, of which nothing is left unless asked for. */
export async function run(context: CommandContext): Promise<number> {
  const { options, command } = context;
  const isDetached = options.has('detach');
  if (command.length === 0 && !isDetached) {
    throw new UsageError(
      'sovereign run needs a command.',
      'Write it last: sovereign run -- COMMAND. For a shell: sovereign shell. For an idle sandbox: --detach.',
    );
  }
  const mustStay = isDetached || options.has('keep');
  const request = command.length === 0 ? undefined : execRequest(context);
  const interruption = new Interruption();
  let sandbox: Sandbox | undefined;
  let stays = false;
  try {
    // What is killed before it can clean up is found by gc.
    sandbox = await newSandbox(context, interruption, mustStay, mustStay ? {} : { strategy: 'ephemeral' });
    if (request === undefined || isDetached) {
      const started = request === undefined ? undefined : await runDetached(sandbox, request);
      if (context.isJson)
        await context.output.json({ sandbox: sandboxJson(sandbox), process: started ?? null });
      else await context.output.text(`${sandbox.id}\n`);
      stays = true;
      return 0;
    }
    stays = mustStay;
    if (!context.isJson) {
      return await runStreaming(sandbox, request, context, interruption, options.has('interactive'));
    }
    const result = await runForJson(sandbox, request, interruption);
    await context.output.json({ sandbox: sandboxJson(sandbox), isKept: stays, result });
    return result.exitCode;
  } catch (error) {
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  } finally {
    // SAFETY: whatever happened, an ephemeral sandbox goes; tests/cli holds it for ends and signals.
    if (sandbox !== undefined && !stays)
      await context.progress.during('Removing the sandbox', sandbox.remove());
    interruption.close();
  }
}
