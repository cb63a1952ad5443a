import { SovereignError } from '@sovereign/protocol';
import { until } from '@sovereign/core';
import type { DockerGuest } from './docker-guest.ts';
import type { GuestPlace } from './guest-place.ts';

/** How long shelld may take until it listens: far above its milliseconds, for a host that swaps. */
const listenTimeoutMs = 20_000;
/** After so long without a socket the engine is asked whether the guest still runs. */
const patienceMs = 250;

/** Waits until shelld listens. @throws SovereignError `launcher.failed` with what it printed when it ended before */
export async function untilListening(guest: DockerGuest, place: GuestPlace): Promise<void> {
  const deadline = performance.now() + listenTimeoutMs;
  while (!(await until(() => place.hasSocket(), patienceMs))) {
    const isRunning = (await guest.status()) === 'running';
    if (isRunning && performance.now() < deadline) continue;
    throw new SovereignError({
      reason: 'launcher.failed',
      message: `The guest of ${guest.id} ${isRunning ? 'does not listen' : 'ended before it listened'}: ${await guest.console()}`,
      hint: 'Run `sovereign doctor` to see what this host lacks.',
      context: { id: guest.id },
    });
  }
}
