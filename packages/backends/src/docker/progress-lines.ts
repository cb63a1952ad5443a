import type { Readable } from 'node:stream';
import * as v from 'valibot';
import { SovereignError } from '@sovereign/protocol';
import { parseBoundedJson } from '@sovereign/core';

const maxLineBytes = 1_048_576;

const lineSchema = v.object({
  stream: v.optional(v.string()),
  status: v.optional(v.string()),
  id: v.optional(v.string()),
  error: v.optional(v.string()),
  errorDetail: v.optional(v.object({ message: v.optional(v.string()) })),
  progressDetail: v.optional(
    v.nullable(v.object({ current: v.optional(v.number()), total: v.optional(v.number()) })),
  ),
  aux: v.optional(v.unknown()),
});

/** One line of what an engine says while it pulls, builds, loads or imports. Unknown fields are left out. */
export interface ProgressLine {
  readonly stream?: string | undefined;
  readonly status?: string | undefined;
  readonly id?: string | undefined;
  readonly error?: string | undefined;
  readonly errorDetail?: { readonly message?: string | undefined } | undefined;
  readonly progressDetail?:
    { readonly current?: number | undefined; readonly total?: number | undefined } | null | undefined;
  readonly aux?: unknown;
}

/**
 * Reads the lines of JSON that an engine sends while it works. A line that is none is skipped: builders and registries
 * write freely, and what counts is `error`.
 *
 * @throws SovereignError `engine.failed` for a line without end
 */
export async function* progressLines(response: Readable): AsyncGenerator<ProgressLine, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLineBytes) {
      response.destroy();
      throw new SovereignError({
        reason: 'engine.failed',
        message: `The container engine sent a line of more than ${maxLineBytes} bytes.`,
        hint: 'Is a Docker-compatible engine behind that address?',
      });
    }
    for (const line of lines) {
      const parsed = readLine(line);
      if (parsed !== undefined) yield parsed;
    }
  }
  const last = readLine(rest);
  if (last !== undefined) yield last;
  return undefined;
}

function readLine(line: string): ProgressLine | undefined {
  if (line.trim() === '') return undefined;
  try {
    const parsed = v.safeParse(lineSchema, parseBoundedJson(line, { maxBytes: maxLineBytes, maxDepth: 16 }));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** What went wrong according to a line; undefined when nothing did. */
export function errorOfLine(line: ProgressLine): string | undefined {
  return line.errorDetail?.message ?? line.error;
}
