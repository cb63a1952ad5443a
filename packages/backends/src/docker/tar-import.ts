import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { SovereignError } from '@sovereign/protocol';
import { firstLines } from '@sovereign/guest';
import type { EngineClient } from './engine-client.ts';
import { meaningOf } from './engine-errors.ts';
import { errorOfLine, progressLines } from './progress-lines.ts';

export interface TarImport {
  readonly client: EngineClient;
  /** A tar of a root file system, plain or compressed. */
  readonly archive: Readable;
  /** Name with its tag. */
  readonly reference: string;
  /** Instructions of a Dockerfile: `LABEL a=b`, `ENV A=b`. */
  readonly changes: readonly string[];
  /** For errors: what the archive is. */
  readonly what: string;
  readonly signal?: AbortSignal;
}

/** Makes an image of one layer. @throws SovereignError `image.invalid`, `engine.unavailable` */
export async function importTar(init: TarImport): Promise<void> {
  const { client, archive, reference, changes, what, signal } = init;
  try {
    const response = await client.stream({
      method: 'POST',
      path: '/images/create',
      // Podman knows a tag only as a part of the name.
      query: { fromSrc: '-', repo: reference, changes },
      headers: { 'Content-Type': 'application/x-tar' },
      file: archive,
      ...(signal && { signal }),
    });
    for await (const line of progressLines(response)) {
      const problem = errorOfLine(line);
      if (problem !== undefined) throw invalidImage(what, problem);
    }
  } catch (error) {
    throw meaningOf(error, `The image could not be made of ${what}`, [
      { status: 400, reason: 'image.invalid', hint: archiveHint },
      { status: 500, says: /tar|archive|EOF|header/i, reason: 'image.invalid', hint: archiveHint },
    ]);
  } finally {
    archive.destroy();
  }
}

/** A directory as a tar archive, by the host's `tar`: it knows hard links, sparse files and extended attributes. */
export function tarOfDirectory(path: string, options: readonly string[] = []): Readable {
  const tar = spawn('tar', [...options, '--numeric-owner', '-C', path, '-c', '.'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaint = '';
  tar.stderr.on('data', (data: Buffer) => {
    if (complaint.length < 4_096) complaint += data.toString('utf8');
  });
  const output = tar.stdout;
  const ended = new Promise<void>((resolve, reject) => {
    tar.once('error', (error) => reject(invalidImage(path, error.message)));
    tar.once('close', (code) => {
      if (code === 0) resolve();
      else reject(invalidImage(path, `tar said: ${firstLines(complaint)}`));
    });
  });
  ended.catch(() => undefined);
  return Readable.from(checked(output, ended), { objectMode: false });
}

/** The end of the output counts only when the program ended well. */
async function* checked(output: Readable, ended: Promise<void>): AsyncGenerator<Buffer, undefined> {
  for await (const chunk of output) yield chunk as Buffer;
  await ended;
  return undefined;
}

/** SHA-256 of a file, as the tag of what is made of it. @throws SovereignError `image.invalid` */
export async function fileDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 }))
      hash.update(chunk as Uint8Array);
  } catch (error) {
    throw invalidImage(path, error instanceof Error ? error.message : String(error));
  }
  return hash.digest('hex').slice(0, 32);
}

export function invalidImage(what: string, problem: string): SovereignError {
  return new SovereignError({
    reason: 'image.invalid',
    message: `${what} cannot be used as an image: ${problem.slice(0, 300)}.`,
    hint: archiveHint,
    context: { path: what },
  });
}

const archiveHint =
  'Give a directory or a tar archive (plain or gzip) of a root file system, for example one made by `docker export`.';
