/** Runs every generator; with `--check` they only compare what is there with what they would write. */
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { sayOutput, sayPhase } from './phases/phase.mjs';
import { root, runScript } from './phases/run-command.mjs';

const generators = readdirSync(`${root}scripts`).filter((name) => /^generate-.*\.ts$/.test(name));

for (const name of generators.sort()) {
  const outcome = await runScript(`scripts/${name}`, process.argv.slice(2));
  sayPhase(outcome.ok ? 'passed' : 'failed', name.replace('.ts', ''));
  if (outcome.ok) continue;
  sayOutput(outcome.output);
  process.exitCode = 1;
}
