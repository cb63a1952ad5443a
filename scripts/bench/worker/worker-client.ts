import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Job, JobResult, Question, Reply, Request, WorkerInit } from './protocol.ts';

export interface WorkerOptions extends Omit<WorkerInit, 'ballastMiB'> {
  /** Default 0. */
  readonly ballastMiB?: number;
  /** A command that executes the command after it, for namespaces of its own. Default: none. */
  readonly wrapper?: readonly [string, ...string[]];
}

export interface WorkerClient {
  readonly run: (job: Job) => Promise<JobResult>;
  readonly close: () => Promise<void>;
}

/** Bundled by main.ts, beside the program that starts it. */
const program = fileURLToPath(new URL('./worker.mjs', import.meta.url));

/** Starts a process of its own that runs jobs one after another. */
export async function startWorker(options: WorkerOptions): Promise<WorkerClient> {
  const { home, workspace, ballastMiB = 0, wrapper } = options;
  const node = [process.execPath, program] as const;
  const [command, ...args] = wrapper === undefined ? node : ([...wrapper, ...node] as const);
  const child = spawn(command, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // A session of its own: on Ctrl-C it is we who end it, after it has removed its sandboxes.
    detached: true,
  });
  const waiting = new Map<number, { resolve(result: JobResult): void; reject(error: Error): void }>();
  child.on('message', (message) => {
    const reply = message as Reply;
    const waiter = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.ok) waiter?.resolve(reply.result);
    else waiter?.reject(new Error(reply.message));
  });
  const fail = (message: string): void => {
    for (const waiter of waiting.values()) waiter.reject(new Error(message));
    waiting.clear();
  };
  const ended = once(child, 'exit').then(
    () => fail('the worker ended'),
    (error: unknown) => fail(String(error)),
  );
  let lastId = 0;
  const ask = (question: Question): Promise<JobResult> =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      waiting.set(id, { resolve, reject });
      child.send({ id, ...question } satisfies Request, (error) => {
        if (error !== null) fail(error.message);
      });
    });
  const close = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await ended;
  };
  try {
    await ask({ kind: 'open', init: { home, workspace, ballastMiB } });
  } catch (error) {
    await close();
    throw error;
  }
  return { run: (job) => ask({ kind: 'run', job }), close };
}
