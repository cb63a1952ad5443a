import * as v from 'valibot';
import { isSandboxId, parseBoundedJson, type EngineEvent, type SandboxId } from '@sovereign/core';
import type { EngineClient } from './engine-client.ts';
import { meaningOf } from './engine-errors.ts';
import { normalReference } from './image-record.ts';
import { labels, ownName } from './sandbox-labels.ts';

const maxLineBytes = 1_048_576;
/** Containers of which the engine names only the id later: more than one host runs. */
const maxKnown = 10_000;

const eventSchema = v.object({
  Type: v.string(),
  Action: v.string(),
  Actor: v.object({
    ID: v.optional(v.string(), ''),
    Attributes: v.optional(v.nullable(v.record(v.string(), v.string()))),
  }),
  time: v.optional(v.number(), 0),
  timeNano: v.optional(v.number(), 0),
});
type RawEvent = v.InferOutput<typeof eventSchema>;

const containerKinds: Readonly<Record<string, EngineEvent['kind']>> = {
  create: 'created',
  start: 'started',
  stop: 'stopped',
  die: 'died',
  died: 'died',
  pause: 'paused',
  unpause: 'resumed',
  destroy: 'removed',
  remove: 'removed',
};
const imageKinds: Readonly<Record<string, EngineEvent['kind']>> = {
  pull: 'imagePulled',
  delete: 'imageRemoved',
  remove: 'imageRemoved',
};
const networkKinds: Readonly<Record<string, EngineEvent['kind']>> = {
  connect: 'networkConnected',
  disconnect: 'networkDisconnected',
};

/** What happens in an engine from now on, as far as it is about our sandboxes, or images, which all users share. */
export async function* engineEvents(
  client: EngineClient,
  home: string,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent, undefined> {
  const known = new Map<string, SandboxId>();
  let rest = '';
  try {
    const filters = JSON.stringify({ type: ['container', 'image', 'network'] });
    const response = await client.stream({ method: 'GET', path: '/events', query: { filters }, signal });
    const decoder = new TextDecoder();
    for await (const chunk of response) {
      rest += decoder.decode(chunk as Uint8Array, { stream: true });
      const lines = rest.split('\n');
      rest = (lines.pop() ?? '').slice(0, maxLineBytes);
      for (const line of lines) {
        const event = readEvent(line, home, known);
        if (event !== undefined) yield event;
      }
    }
  } catch (error) {
    if (signal.aborted) return undefined;
    throw meaningOf(error, 'Events could not be followed');
  }
  return undefined;
}

function readEvent(line: string, home: string, known: Map<string, SandboxId>): EngineEvent | undefined {
  const raw = parseEvent(line);
  if (raw === undefined) return undefined;
  const atMs = raw.timeNano > 0 ? Math.floor(raw.timeNano / 1e6) : raw.time * 1000;
  const attributes = raw.Actor.Attributes ?? {};
  if (raw.Type === 'container') {
    const id = attributes[labels.sandbox] ?? '';
    if (attributes[labels.home] !== home || !isSandboxId(id)) return undefined;
    if (known.size < maxKnown) known.set(raw.Actor.ID, id);
    const kind = containerKinds[raw.Action];
    return kind === undefined ? undefined : { atMs, kind, subject: id };
  }
  if (raw.Type === 'image') {
    const kind = imageKinds[raw.Action];
    const name = attributes['name'] ?? raw.Actor.ID;
    return kind === undefined ? undefined : { atMs, kind, subject: normalReference(name) };
  }
  // Joining and leaving what engines themselves have, `none` and `bridge`, is no event of ours.
  if (!(attributes['name'] ?? '').startsWith(ownName(home, ''))) return undefined;
  const kind = networkKinds[raw.Action];
  const member = known.get(attributes['container'] ?? '');
  return kind === undefined || member === undefined ? undefined : { atMs, kind, subject: member };
}

function parseEvent(line: string): RawEvent | undefined {
  if (line.trim() === '') return undefined;
  try {
    const parsed = v.safeParse(eventSchema, parseBoundedJson(line, { maxBytes: maxLineBytes, maxDepth: 16 }));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
