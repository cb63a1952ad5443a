/**
 * Makes a fresh clone ready: npm packages, what the host lacks, the guest daemon, the TypeScript build. Does only what
 * is not done yet, and runs before node_modules exists, so it imports nothing but Node.
 *
 * Usage: node scripts/setup.mjs start|test [--verbose]
 */
import process from 'node:process';
import { PhaseError, phase, say, sayOutput, sayPhase, secondsSince } from './phases/phase.mjs';
import { buildGuestDaemon } from './setup/guest-daemon.mjs';
import { checkNodeVersion } from './setup/node-version.mjs';
import { buildMicrovmKernel } from './setup/microvm-kernel.mjs';
import { installNpmPackages } from './setup/npm-packages.mjs';
import { withSetupLock } from './setup/setup-lock.mjs';
import { installSystemPackages } from './setup/system-packages.mjs';
import { buildTypeScript } from './setup/typescript-build.mjs';

const goal = process.argv[2] === 'test' ? 'test' : 'start';
const startedAt = performance.now();

try {
  await phase('Node.js', checkNodeVersion);
  await withSetupLock(async () => {
    await phase('npm packages', installNpmPackages);
    await phase('host packages', () => installSystemPackages(goal));
    await phase('guest daemon', buildGuestDaemon);
    await phase('packages', buildTypeScript);
    if (goal === 'test') await phase('microVM kernel', buildMicrovmKernel);
  });
  sayPhase('passed', 'ready', secondsSince(startedAt));
} catch (error) {
  if (!(error instanceof PhaseError)) throw error;
  sayPhase('failed', error.message);
  sayOutput(error.output);
  say(error.hint);
  process.exitCode = 1;
}
