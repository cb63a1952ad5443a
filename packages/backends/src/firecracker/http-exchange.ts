import { request } from 'node:http';

export interface HttpExchange {
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Longest answer that is read: a description of a machine has a few hundred bytes. */
const maxAnswerBytes = 64 * 1024;

/**
 * One HTTP request on a unix socket, on a connection of its own.
 *
 * @throws Error when nothing answers, too late, or without end
 */
export function exchange(init: HttpExchange): Promise<HttpAnswer> {
  const { socketPath, method, path, timeoutMs, signal } = init;
  const content = init.body === undefined ? undefined : JSON.stringify(init.body);
  return new Promise((resolve, reject) => {
    const sent = request({
      socketPath,
      method,
      path,
      agent: false,
      // A monitor that answers with rubbish is not given more than this for its headers either.
      maxHeaderSize: maxAnswerBytes,
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]),
      headers: {
        Accept: 'application/json',
        ...(content !== undefined && {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(content),
        }),
      },
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.byteLength;
        if (bytes > maxAnswerBytes)
          sent.destroy(new Error(`the answer is longer than ${maxAnswerBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      );
    });
    sent.end(content);
  });
}
