import type { LedgerVerdict, Sovereign, TierDiagnosis } from '@sovereign/sdk';
import { SovereignError } from '@sovereign/protocol';
import { describeVerdict } from '../audit/describe-verdict.ts';
import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../errors/exit-codes.ts';
import { Interruption } from '../process/interruption.ts';
import { formatDuration } from '../text/format.ts';
import { neutralise } from '../text/neutralise.ts';

/** `sovereign doctor`. JSON: `{"ok","tiers":[…],"pythonLibrary","ledger":{…}|null,"paths":{…}}`. */
export async function run({ client, output, progress, isJson }: CommandContext): Promise<number> {
  const opened = await client();
  // A trial is brought to its end, so that nothing of it is left.
  const interruption = new Interruption();
  const tiers = await progress
    .during('Trying every tier', opened.diagnose())
    .finally(() => interruption.close());
  if (interruption.exitCode !== undefined) return interruption.exitCode;
  const ledger = await progress.during('Checking the ledger', verdictOf(opened));
  const ok = tiers.some(({ isAvailable }) => isAvailable);
  if (isJson) {
    const pythonLibrary = opened.pythonPath ?? null;
    await output.json({ ok, tiers, pythonLibrary, ledger: ledger ?? null, paths: opened.paths });
  } else {
    await output.text(tiers.map(describeTier).join(''));
    await output.text(`\n${describePython(opened.pythonPath)}`);
    await output.text(
      ledger === undefined ? '· ledger: nothing was recorded yet\n' : describeVerdict(ledger),
    );
    const places = Object.entries(opened.paths).map(
      ([name, path]) => `  ${name.padEnd(12)}${neutralise(String(path))}\n`,
    );
    await output.text(`\nPaths:\n${places.join('')}`);
  }
  return ok ? exitCodes.success : exitCodes.checkFailed;
}

/** Undefined when there is no ledger yet. */
async function verdictOf(client: Sovereign): Promise<LedgerVerdict | undefined> {
  try {
    return await client.verifyLedger();
  } catch (error) {
    if (error instanceof SovereignError) return undefined;
    throw error;
  }
}

function describeTier({
  tier,
  rank,
  backend,
  isAvailable,
  detail,
  hint,
  layers,
  createMs,
}: TierDiagnosis): string {
  const lines = [
    `${isAvailable ? '✓' : '✗'} Tier ${rank} · ${tier}${backend === null ? '' : ` (${backend})`}: ${detail}`,
  ];
  if (createMs !== null) lines.push(`    up and answering in ${formatDuration(createMs)}`);
  if (hint !== '') lines.push(`    → ${hint}`);
  for (const state of ['active', 'failed', 'unsupported', 'notRequested'] as const) {
    const those = layers.filter((layer) => layer.state === state);
    const named = those.map(({ name, detail: said }) =>
      state === 'active' || said === '' ? name : `${name} (${said})`,
    );
    if (named.length > 0)
      lines.push(`    ${state === 'notRequested' ? 'not requested' : state}: ${named.join(', ')}`);
  }
  return lines.map((line) => `${neutralise(line)}\n`).join('');
}

function describePython(path: string | undefined): string {
  if (path !== undefined) return `✓ Python library: ${neutralise(path)}\n`;
  return '✗ Python library: not found; sandboxes come up without it\n    → Set SOVEREIGN_PYTHON to the directory that holds apts.\n';
}
