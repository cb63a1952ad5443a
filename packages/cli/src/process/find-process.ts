import type { ProcessInfo, Sandbox } from '@sovereign/sdk';
import { SovereignError } from '@sovereign/protocol';
import { parseCount } from '../values/parse-number.ts';

/** A process of a sandbox by its number. @throws SovereignError `process.not-found`, UsageError */
export async function findProcess(sandbox: Sandbox, text: string): Promise<ProcessInfo> {
  const number = parseCount(text, 'PROCESS');
  const found = (await sandbox.processes()).find(({ process }) => process === number);
  if (found !== undefined) return found;
  throw new SovereignError({
    reason: 'process.not-found',
    message: `No process of ${sandbox.id} has the number ${number}.`,
    hint: `List them with: sovereign logs ${sandbox.name ?? sandbox.id}`,
    context: { sandbox: sandbox.id, process: number },
  });
}
