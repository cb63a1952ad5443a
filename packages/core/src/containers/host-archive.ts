import { createReadStream } from 'node:fs';
import { isAbsolute } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { checkNonEmpty, invalid } from '../runtime/argument-checks.ts';

/** An archive: the absolute path of a file on the host, or its bytes. */
export type ArchiveSource = string | AsyncIterable<Uint8Array>;

const readBytes = 256 * 1024;

/** The bytes of an archive, and what the ledger calls it: its path, `-` for a stream. */
export function hostArchive(source: ArchiveSource): {
  readonly path: string;
  readonly bytes: () => AsyncIterable<Uint8Array>;
} {
  const given: unknown = source;
  if (typeof source !== 'string') {
    if (typeof given !== 'object' || given === null || !(Symbol.asyncIterator in given))
      throw invalid('archive', given, 'an absolute path or an async iterable of bytes');
    return { path: '-', bytes: () => source };
  }
  checkNonEmpty('archive', source);
  if (!isAbsolute(source)) throw invalid('archive', source, 'an absolute path');
  return { path: source, bytes: () => readHostFile(source) };
}

async function* readHostFile(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: readBytes }))
      if (chunk instanceof Uint8Array) yield chunk;
  } catch (error) {
    throw new SovereignError({
      reason: 'argument.invalid',
      message: `The archive cannot be read: ${path} (${error instanceof Error ? error.message : String(error)}).`,
      hint: 'Name a file that is there and that you may read.',
      context: { path },
      cause: error,
    });
  }
}
