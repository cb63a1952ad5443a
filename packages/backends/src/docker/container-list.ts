import { isSandboxId, parseSpecFile, type Backend, type GuestRecord, unknownSpec } from '@sovereign/core';
import { specOrigin } from './backend-errors.ts';
import { guestState, readSummaries, type ContainerSummary } from './container-state.ts';
import type { EngineClient } from './engine-client.ts';
import { meaningOf } from './engine-errors.ts';
import { labels } from './sandbox-labels.ts';

/** The containers that carry all these labels, in whatever state. @throws SovereignError `engine.unavailable` */
export async function listContainers(
  client: EngineClient,
  carried: Readonly<Record<string, string>>,
): Promise<readonly ContainerSummary[]> {
  const label = Object.entries(carried).map(([name, value]) => `${name}=${value}`);
  try {
    const query = { all: true, filters: JSON.stringify({ label }) };
    return readSummaries(await client.json({ method: 'GET', path: '/containers/json', query }));
  } catch (error) {
    throw meaningOf(error, 'Containers could not be listed');
  }
}

/** The sandbox of a container, `broken` when its label cannot be read; undefined when it is none, or on its way out. */
export function recordOf(
  { Labels, State }: ContainerSummary,
  backend: Backend['name'],
): GuestRecord | undefined {
  const id = Labels?.[labels.sandbox] ?? '';
  const state = guestState(State);
  if (!isSandboxId(id) || state === undefined) return undefined;
  try {
    return { id, backend, spec: parseSpecFile(specOrigin(id), Labels?.[labels.spec] ?? '', id), state };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { id, backend, spec: unknownSpec(id), state: 'broken', problem };
  }
}
