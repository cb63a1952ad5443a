import * as v from 'valibot';
import { parseBoundedJson } from '@sovereign/core';
import { answerUnreadable } from './program-errors.ts';

/** Whether the virtual machine of a sandbox runs; whatever else a program calls it, nothing runs in it. */
export type MachineStatus = 'running' | 'stopped';

const limits = { maxBytes: 4 * 1024 * 1024, maxDepth: 16 } as const;
const maxEntries = 10_000;
const entries = v.pipe(
  v.array(
    v.object({ name: v.pipe(v.string(), v.maxLength(256)), status: v.pipe(v.string(), v.maxLength(64)) }),
  ),
  v.maxLength(maxEntries),
);
/** `sbx ls --json` names them `sandboxes`, `docker sandbox ls --json` `vms`. */
const answer = v.union([v.object({ sandboxes: entries }), v.object({ vms: entries })]);

/**
 * What a program lists, by name. It may print lines before the list, when it has to start its daemon.
 *
 * @throws SovereignError `engine.failed`
 */
export function readList(command: string, text: string): ReadonlyMap<string, MachineStatus> {
  const begin = text.search(/^\s*\{/m);
  try {
    const found = v.parse(answer, parseBoundedJson(begin < 0 ? text : text.slice(begin), limits));
    const listed = 'sandboxes' in found ? found.sandboxes : found.vms;
    return new Map(listed.map(({ name, status }) => [name, status === 'running' ? 'running' : 'stopped']));
  } catch (error) {
    throw answerUnreadable(command, error instanceof Error ? error.message : String(error));
  }
}
