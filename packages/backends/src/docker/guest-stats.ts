import * as v from 'valibot';
import type { GuestStats } from '@sovereign/core';
import { readAnswer } from './container-state.ts';

const count = v.optional(v.pipe(v.number(), v.minValue(0)), 0);
const statsSchema = v.object({
  memory_stats: v.optional(v.object({ usage: count }), { usage: 0 }),
  pids_stats: v.optional(v.object({ current: count }), { current: 0 }),
  cpu_stats: v.optional(
    v.object({ cpu_usage: v.optional(v.object({ total_usage: count }), { total_usage: 0 }) }),
    { cpu_usage: { total_usage: 0 } },
  ),
});

/** The answer to `GET /containers/…/stats`. @throws SovereignError `engine.failed` */
export function readStats(answer: unknown): GuestStats {
  const { memory_stats, pids_stats, cpu_stats } = readAnswer(statsSchema, answer, 'the use of resources');
  return {
    memoryBytes: memory_stats.usage,
    pids: pids_stats.current,
    // Engines count nanoseconds.
    cpuUs: Math.round(cpu_stats.cpu_usage.total_usage / 1000),
  };
}
