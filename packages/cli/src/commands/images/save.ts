import { randomBytes } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isatty } from 'node:tty';
import type { CommandContext } from '../../command-context.ts';
import { UsageError } from '../../errors/usage-error.ts';
import { Interruption } from '../../process/interruption.ts';
import { engineValue } from '../../syntax/engine-value.ts';
import { formatSize } from '../../text/format.ts';

/** `sovereign images save`. JSON with --output: `{"path","bytes"}`. */
export async function run(context: CommandContext): Promise<number> {
  const { args, options, output, isJson } = context;
  const to = options.text('output');
  if (to === undefined && (isatty(1) || isJson))
    throw new UsageError('The archive needs a place.', 'Name a file: --output FILE, or redirect stdout.');
  const interruption = new Interruption();
  try {
    const client = await context.client();
    const path = to === undefined ? undefined : resolve(to);
    const archive = counted(
      client.images.save(args, { ...engineValue(context), ...(path !== undefined && { path }) }),
      context,
      interruption.signal,
    );
    if (path === undefined) for await (const chunk of archive) await output.bytes('stdout', chunk);
    else {
      const bytes = await context.progress.during('Saving', writeWhole(path, archive));
      if (isJson) await output.json({ path, bytes });
    }
    return 0;
  } catch (error) {
    if (interruption.exitCode !== undefined) return interruption.exitCode;
    throw error;
  } finally {
    interruption.close();
  }
}

async function* counted(
  archive: AsyncIterable<Uint8Array>,
  { progress }: CommandContext,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of archive) {
    signal.throwIfAborted();
    bytes += chunk.length;
    progress.detail = formatSize(bytes);
    yield chunk;
  }
}

/** Until all of it is there an old file stays. */
async function writeWhole(path: string, archive: AsyncIterable<Uint8Array>): Promise<number> {
  const temporary = join(dirname(path), `.sovereign-${randomBytes(8).toString('hex')}`);
  const handle = await open(temporary, 'wx', 0o644);
  let bytes = 0;
  try {
    for await (const chunk of archive) {
      await handle.writeFile(chunk);
      bytes += chunk.length;
    }
    await handle.close();
    await rename(temporary, path);
    return bytes;
  } catch (error) {
    await handle.close().catch(() => undefined);
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}
