import * as v from 'valibot';
import { parseBoundedJson, throwIfCancelled, type SandboxId } from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import type { ApiCall, InstanceInfo } from './api-types.ts';
import { exchange, type HttpAnswer } from './http-exchange.ts';

export interface FirecrackerApiInit {
  readonly sandbox: SandboxId;
  readonly socketPath: string;
  /** How long one call may take. Default 10,000; a snapshot writes all memory and has more. */
  readonly timeoutMs?: number;
}

const snapshotTimeoutMs = 120_000;
const jsonLimits = { maxBytes: 64 * 1024, maxDepth: 8 } as const;
const short = v.pipe(v.string(), v.maxLength(256));

/** Looser than what we send: a newer monitor may tell more. */
const infoSchema = v.object({
  id: short,
  state: v.picklist(['Not started', 'Running', 'Paused']),
  vmm_version: short,
});
const faultSchema = v.object({ fault_message: v.string() });

/** The API of one Firecracker process, over its unix socket. */
export class FirecrackerApi {
  readonly #init: FirecrackerApiInit;

  constructor(init: FirecrackerApiInit) {
    this.#init = init;
  }

  /**
   * Asks for one thing and waits until it is done.
   *
   * @throws SovereignError `microvm.monitor-refused` with the monitor's reason, `microvm.monitor-silent` when it does not
   *   answer or not as it should, `operation.cancelled`
   */
  async call(call: ApiCall, signal?: AbortSignal): Promise<HttpAnswer> {
    throwIfCancelled(signal);
    const { sandbox, socketPath, timeoutMs = 10_000 } = this.#init;
    let answer: HttpAnswer;
    try {
      answer = await exchange({
        socketPath,
        method: call.method,
        path: call.path,
        ...('body' in call && { body: call.body }),
        timeoutMs: call.path.startsWith('/snapshot/') ? snapshotTimeoutMs : timeoutMs,
        ...(signal && { signal }),
      });
    } catch (error) {
      throwIfCancelled(signal);
      throw silent(sandbox, call, error instanceof Error ? error.message : String(error), error);
    }
    if (answer.status >= 200 && answer.status < 300) return answer;
    const fault = faultOf(answer.body);
    if (fault === undefined) throw silent(sandbox, call, `status ${answer.status} without a reason`);
    throw refused(sandbox, call, fault);
  }

  /** What the monitor says of its machine. */
  async describe(signal?: AbortSignal): Promise<InstanceInfo> {
    const call = { method: 'GET', path: '/' } as const;
    const { body } = await this.call(call, signal);
    const parsed = v.safeParse(infoSchema, parsedJson(body));
    if (parsed.success) return parsed.output;
    throw silent(this.#init.sandbox, call, 'an answer that is no description of a machine');
  }
}

function parsedJson(text: string): unknown {
  try {
    return parseBoundedJson(text, jsonLimits);
  } catch {
    return undefined;
  }
}

function faultOf(body: string): string | undefined {
  const parsed = v.safeParse(faultSchema, parsedJson(body));
  return parsed.success ? parsed.output.fault_message : undefined;
}

/** Text of the monitor, fit for a message: it may hold what came from a guest. */
function plain(text: string): string {
  return text.slice(0, 300).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ');
}

function refused(sandbox: SandboxId, call: ApiCall, fault: string): SovereignError {
  return new SovereignError({
    reason: 'microvm.monitor-refused',
    message: `Firecracker refused ${call.method} ${call.path} for ${sandbox}: ${plain(fault)}`,
    hint: 'What it names is what to correct: a file, a size, or the order of calls.',
    context: { sandbox, call: `${call.method} ${call.path}` },
  });
}

function silent(sandbox: SandboxId, call: ApiCall, how: string, cause?: unknown): SovereignError {
  return new SovereignError({
    reason: 'microvm.monitor-silent',
    message: `Firecracker did not answer ${call.method} ${call.path} for ${sandbox}: ${plain(how)}.`,
    hint: 'It has ended or hangs. Look at its console, then remove the sandbox.',
    context: { sandbox, call: `${call.method} ${call.path}` },
    cause,
  });
}
