import { resolve } from 'node:path';
import type { CopyResult } from '@sovereign/sdk';
import { argument, type CommandContext } from '../command-context.ts';
import { CopyReport } from '../copy/copy-report.ts';
import { type Endpoint, parseEndpoint } from '../copy/endpoint.ts';
import { UsageError } from '../errors/usage-error.ts';
import { Interruption } from '../process/interruption.ts';
import { stdinSource } from '../process/stdin-source.ts';

/** `sovereign cp`. JSON: `{"files","directories","links","bytes","skipped":[{"path","reason"}],"skippedCount"}`. */
export async function run(context: CommandContext): Promise<number> {
  const from = parseEndpoint(argument(context, 0));
  const to = parseEndpoint(argument(context, 1));
  const interruption = new Interruption();
  const report = new CopyReport(context, interruption.signal);
  let result: CopyResult;
  try {
    result = await context.progress.during('Copying', copy(from, to, context, report));
  } catch (error) {
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  } finally {
    interruption.close();
  }
  await report.end(result);
  if (context.isJson && to.kind !== 'stream') await context.output.json(result);
  return 0;
}

async function copy(
  from: Endpoint,
  to: Endpoint,
  context: CommandContext,
  report: CopyReport,
): Promise<CopyResult> {
  if ((from.kind === 'sandbox') === (to.kind === 'sandbox')) {
    throw new UsageError(
      'sovereign cp copies between the host and one sandbox.',
      'Write one side as ID:PATH, the other as a path or -.',
    );
  }
  const client = await context.client();
  if (from.kind === 'sandbox') {
    const sandbox = await client.connect(from.sandbox);
    if (to.kind === 'host') return sandbox.copyFrom(from.path, hostPath(to.path), report.options);
    let bytes = 0;
    for await (const chunk of sandbox.files.stream(from.path)) {
      report.options.signal?.throwIfAborted();
      bytes += chunk.length;
      report.options.onProgress?.({ files: 0, bytes });
      await context.output.bytes('stdout', chunk);
    }
    return oneFile(bytes);
  }
  if (to.kind !== 'sandbox') throw new TypeError('one side of a copy is a sandbox');
  const sandbox = await client.connect(to.sandbox);
  if (from.kind === 'host') return sandbox.copyTo(hostPath(from.path), to.path, report.options);
  const { size } = await sandbox.files.write(to.path, fromStdin(report));
  return oneFile(size);
}

/** Absolute, and with a `/.` at its end kept: it means what is in the directory. */
function hostPath(path: string): string {
  const isContent = path.endsWith('/.');
  const isDirectory = path.endsWith('/') && path !== '/';
  return `${resolve(path)}${isContent ? '/.' : isDirectory ? '/' : ''}`;
}

async function* fromStdin({ options }: CopyReport): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of stdinSource({ isInteractive: true }) ?? nothing()) {
    options.signal?.throwIfAborted();
    bytes += chunk.length;
    options.onProgress?.({ files: 0, bytes });
    yield chunk;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // An empty stdin is an empty file.
}

function oneFile(bytes: number): CopyResult {
  return { files: 1, directories: 0, links: 0, bytes, skipped: [], skippedCount: 0 };
}
