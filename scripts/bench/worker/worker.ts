/** Runs jobs for a worker client, one after another, and ends when the client goes away. */
import process from 'node:process';
import { Jobs } from './jobs.ts';
import type { JobResult, Reply, Request } from './protocol.ts';

const nothing: JobResult = { value: 0, growthMiB: 0 };
let jobs: Jobs | undefined;
let queue: Promise<void> = Promise.resolve();

async function answer(request: Request): Promise<Reply> {
  const { id } = request;
  try {
    if (request.kind === 'open') jobs = new Jobs(request.init);
    const result = request.kind === 'run' && jobs !== undefined ? await jobs.run(request.job) : nothing;
    return { id, ok: true, result };
  } catch (error) {
    return { id, ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

process.on('message', (request: Request) => {
  queue = queue.then(async () => {
    const reply = await answer(request);
    if (process.connected) process.send?.(reply);
  });
});
process.on('disconnect', () => {
  void queue.then(() => jobs?.close()).finally(() => process.exit(0));
});
