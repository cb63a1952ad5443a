import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { describeVerdict } from '../audit/describe-verdict.ts';

/** `sovereign audit verify`. JSON: the verdict of the sdk, `{"ok",…,"problems":[…]}`. */
export async function run({ client, output, progress, isJson }: CommandContext): Promise<number> {
  const verdict = await progress.during('Checking the ledger', (await client()).verifyLedger());
  if (isJson) await output.json(verdict);
  else await output.text(describeVerdict(verdict));
  return verdict.ok ? exitCodes.success : exitCodes.checkFailed;
}
