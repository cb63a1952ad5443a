import { SovereignError } from '@sovereign/protocol';
import type { Sandbox, SpawnRequest } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { UsageError } from '../errors/usage-error.ts';
import { terminal } from '../process/exec-request.ts';
import { Interruption } from '../process/interruption.ts';
import { runForJson, runStreaming } from '../process/run-command.ts';
import { isTerminal } from '../process/terminal.ts';
import { newSandbox } from '../sandbox/new-sandbox.ts';

const bestShell = 'command -v bash >/dev/null 2>&1 && exec bash; exec sh';

/** `sovereign shell`: a shell in a sandbox that runs, or in one that goes with it. */
export async function run(context: CommandContext): Promise<number> {
  const [idOrName] = context.args;
  const stray = ['name', 'tier', 'workspace', 'no-workspace', 'image', 'network', 'insecure'].find((name) =>
    context.options.has(name),
  );
  if (idOrName !== undefined && stray !== undefined) {
    throw new UsageError(
      `--${stray} is for a new sandbox, and ${idOrName} exists.`,
      'Leave one of them out.',
    );
  }
  const interruption = new Interruption();
  let sandbox: Sandbox | undefined;
  try {
    if (idOrName === undefined) sandbox = await newSandbox(context, interruption, false);
    else sandbox = await (await context.client()).connect(idOrName, { signal: interruption.signal });
    return await openShell(sandbox, context, interruption);
  } catch (error) {
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  } finally {
    if (sandbox !== undefined && idOrName === undefined) {
      await context.progress.during('Removing the sandbox', sandbox.remove());
    }
    interruption.close();
  }
}

async function openShell(
  sandbox: Sandbox,
  context: CommandContext,
  interruption: Interruption,
): Promise<number> {
  const { status, reason, hint } = sandbox.facilities.shell;
  if (status === 'disabled') {
    throw new SovereignError({
      reason: 'facility.disabled',
      message: reason,
      hint,
      context: { facility: 'shell' },
    });
  }
  const cwd = context.options.text('cwd');
  const user = context.options.text('user');
  const request: SpawnRequest = {
    command: 'sh',
    args: ['-c', bestShell],
    ...(cwd !== undefined && { cwd }),
    ...(user !== undefined && { user }),
    ...(!context.isJson && isTerminal() && terminal(context)),
  };
  if (!context.isJson) return runStreaming(sandbox, request, context, interruption, true);
  const result = await runForJson(sandbox, request, interruption);
  await context.output.json({ sandbox: sandbox.id, result });
  return result.exitCode;
}
