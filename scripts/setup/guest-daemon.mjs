import process from 'node:process';
import { PhaseError } from '../phases/phase.mjs';
import { runCommand } from '../phases/run-command.mjs';

/**
 * Builds shelld; make knows what is out of date.
 *
 * @throws PhaseError when it does not compile.
 */
export async function buildGuestDaemon() {
  if (process.platform === 'win32') return 'not on Windows';
  const outcome = await runCommand('make', ['-C', 'packages/guest/shelld']);
  if (!outcome.ok) {
    throw new PhaseError(
      `shelld was not built: ${outcome.end}.`,
      'Read what the compiler says, correct it, and run `make -C packages/guest/shelld`.',
      outcome.output,
    );
  }
  return '';
}
