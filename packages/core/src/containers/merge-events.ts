import type { ContainerEngine, EngineEvent } from '../contract/container-engine.ts';

interface Arrival {
  readonly at: number;
  readonly result: IteratorResult<EngineEvent>;
}

/** Events of several engines as they come, until the signal or until nobody listens any more. */
export async function* mergeEvents(
  engines: readonly ContainerEngine[],
  signal: AbortSignal,
): AsyncGenerator<EngineEvent, void, undefined> {
  const leaving = new AbortController();
  const until = AbortSignal.any([signal, leaving.signal]);
  const streams = engines.map((engine) => engine.events(until)[Symbol.asyncIterator]());
  const next = async (stream: AsyncIterator<EngineEvent>, at: number): Promise<Arrival> => ({
    at,
    result: await stream.next(),
  });
  const pending = new Map(streams.map((stream, at) => [at, next(stream, at)]));
  try {
    while (pending.size > 0) {
      const { at, result } = await Promise.race(pending.values());
      const stream = streams[at];
      if (result.done === true || stream === undefined) pending.delete(at);
      else {
        pending.set(at, next(stream, at));
        yield result.value;
      }
    }
  } finally {
    leaving.abort();
    await Promise.allSettled(pending.values());
  }
}
