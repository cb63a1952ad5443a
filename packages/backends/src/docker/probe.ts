import { SovereignError } from '@sovereign/protocol';
import type { Probe } from '@sovereign/core';
import { findProgram } from '@sovereign/guest';
import { addressText } from './engine-address.ts';
import { isOlder, oldestApi, type EngineClient } from './engine-client.ts';
import type { EngineFacts } from './engine-facts.ts';

/** Whether an engine answers that sandboxes can run on. `facts` asks it anew. */
export async function probeDocker(
  client: EngineClient,
  facts: () => Promise<EngineFacts>,
  isInstalled: () => boolean = hasEngine,
): Promise<Probe> {
  try {
    const address = client.address();
    if (address === undefined) return nothingThere(isInstalled());
    const found = await facts();
    const name = `${found.product} ${found.version}`;
    if (isOlder(found.apiVersion, oldestApi)) {
      return no(
        `${name} is too old: its API is ${found.apiVersion} (${oldestApi} or newer expected).`,
        'Install Docker 19.03 or newer, or Podman 4 or newer.',
      );
    }
    if (found.os !== 'linux') {
      return no(
        `${name} runs ${found.os === '' ? 'unknown' : found.os} containers (linux expected).`,
        'Switch it to Linux containers.',
      );
    }
    const where = `${addressText(address)} (${address.source})`;
    const kind = found.isSameHost ? 'this host' : 'another host';
    return {
      ok: true,
      detail: `${name} at ${where}, ${kind}, ${found.storage}${found.isRootless ? ', rootless' : ''}`,
    };
  } catch (error) {
    if (error instanceof SovereignError) return no(error.message, error.hint);
    throw error;
  }
}

function nothingThere(isInstalled: boolean): Probe {
  if (isInstalled) {
    return no(
      'Docker or Podman is installed, and its engine is not running: no socket is in a usual place.',
      'Start it: sudo systemctl start docker (Podman: systemctl --user start podman.socket), or set DOCKER_HOST.',
    );
  }
  return no(
    'No container engine is installed: neither Docker nor Podman.',
    'Install one, for example: sudo apt-get install docker.io. Or set DOCKER_HOST to an engine elsewhere.',
  );
}

function hasEngine(): boolean {
  return ['dockerd', 'docker', 'podman'].some((name) => findProgram(name) !== undefined);
}

function no(reason: string, hint: string): Probe {
  return { ok: false, reason, hint };
}
