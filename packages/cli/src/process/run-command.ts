import type { Sandbox, SpawnRequest } from '@sovereign/sdk';
import type { CommandContext } from '../command-context.ts';
import { execResultJson, type ExecResultJson } from '../json/exec-result-json.ts';
import { followProcess } from './follow-process.ts';
import type { Interruption } from './interruption.ts';
import { stdinSource } from './stdin-source.ts';

/** Runs a command in a sandbox as if it ran here, and resolves with its exit code. */
export async function runStreaming(
  sandbox: Sandbox,
  request: SpawnRequest,
  context: CommandContext,
  interruption: Interruption,
  isInteractive: boolean,
): Promise<number> {
  const stdin = stdinSource({ isInteractive: isInteractive || request.pty !== undefined });
  const whole = stdin === undefined ? request : { ...request, stdin };
  const started = await sandbox.spawn(whole, { signal: interruption.signal });
  return followProcess(started, request, context, interruption);
}

/** Runs a command to its end and resolves with what --json shows of it: bounded output, and how it ended. */
export async function runForJson(
  sandbox: Sandbox,
  request: SpawnRequest,
  interruption: Interruption,
): Promise<ExecResultJson> {
  const stdin = stdinSource({ isInteractive: false });
  const whole = stdin === undefined ? request : { ...request, stdin };
  return execResultJson(await sandbox.exec(whole, { signal: interruption.signal }));
}

/** Starts a command that nobody follows, and resolves with its number. */
export async function runDetached(sandbox: Sandbox, request: SpawnRequest): Promise<number> {
  const started = await sandbox.spawn({ ...request, isDetached: true });
  return started.process;
}
