import type { Agent, IncomingMessage } from 'node:http';
import type Modem from 'docker-modem';
import { codeOf } from './engine-errors.ts';

/** `docker-modem` judges answers by a table; every status is let through and judged by who asks. */
const everyStatus: Readonly<Record<string, true>> = Object.fromEntries(
  Array.from({ length: 500 }, (_, index) => [String(index + 100), true as const]),
);

/**
 * One request, until its answer begins.
 *
 * What changes nothing is asked once more when its connection ended before that: such is the fate of a request that met one
 * which had been idle and was just being closed (RFC 9110, 9.2.2; RFC 9112, 9.3.1).
 */
export async function askEngine(
  connection: { readonly modem: Modem; readonly agent: Agent },
  options: Modem.DialOptions,
): Promise<IncomingMessage> {
  try {
    return await dial(connection.modem, options);
  } catch (error) {
    const changesNothing = options.method === 'GET' || options.method === 'HEAD';
    if (!changesNothing || !isBrokenOff(error) || options.abortSignal?.aborted === true) throw error;
    // The others that are idle may be dying as well: the second try has a new one.
    for (const socket of Object.values(connection.agent.freeSockets).flat()) socket?.destroy();
    return dial(connection.modem, options);
  }
}

function dial(modem: Modem, options: Modem.DialOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    modem.dial(
      { ...options, isStream: true, statusCodes: everyStatus },
      (error: unknown, answer: unknown) => {
        if (isResponse(answer)) resolve(answer);
        else reject(error instanceof Error ? error : new Error('no answer'));
      },
    );
  });
}

function isBrokenOff(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes(codeOf(error) ?? '');
}

function isResponse(value: unknown): value is IncomingMessage {
  return typeof value === 'object' && value !== null && 'statusCode' in value && 'pipe' in value;
}
