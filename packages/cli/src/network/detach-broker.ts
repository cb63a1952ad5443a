import { spawn } from 'node:child_process';
import { SovereignError } from '@sovereign/protocol';
import type { ErrorReason } from '@sovereign/sdk';
import type { Held, HoldRequest } from './hold-request.ts';

/** What a broker says once, on its stdout, before it closes it. */
export type BrokerAnswer =
  | { readonly ok: true; readonly held: Held }
  | {
      readonly ok: false;
      readonly error: { readonly reason: ErrorReason; readonly message: string; readonly hint: string };
    };

const maxAnswerChars = 1_048_576;

/** Starts a process that holds it and outlives this one. Returns when it holds. */
export async function detachBroker(request: HoldRequest): Promise<Held> {
  const program = process.argv[1];
  if (program === undefined) throw failed('this program has no file of its own');
  const child = spawn(process.execPath, [...process.execArgv, program, '__broker', JSON.stringify(request)], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const text = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.once('error', (error) => reject(failed(error.message)));
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.length > maxAnswerChars) child.kill('SIGKILL');
    });
    child.stdout.once('close', () => resolve(said));
  });
  child.unref();
  if (text === '') throw failed('it ended without a word');
  const answer = JSON.parse(text) as BrokerAnswer;
  if (answer.ok) return { ...answer.held, facts: { ...answer.held.facts, broker: child.pid ?? null } };
  throw new SovereignError(answer.error);
}

function failed(why: string): SovereignError {
  return new SovereignError({
    reason: 'internal',
    message: `The broker could not be started: ${why}.`,
    hint: 'Leave --detach out to see more.',
  });
}
