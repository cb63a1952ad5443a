import { channelLimits, encodeFrame, fileFlags, SovereignError, type FrameName } from '@sovereign/protocol';
import type { FileChange, FileInfo, GuestFiles, ListPage, WriteOptions } from '@sovereign/core';
import { protocolViolation } from './channel-errors.ts';
import type { Connection } from './connection.ts';
import { readFileInfo } from './file-info.ts';
import { FileRead } from './file-read.ts';
import { FileWatch } from './file-watch.ts';
import { writeFile } from './file-write.ts';
import { Request } from './request.ts';

const defaultListedEntries = 1_000;

/** File operations over one connection. */
export class ChannelFiles implements GuestFiles {
  readonly #connection: Connection;
  readonly #windowBytes: number;

  constructor(connection: Connection, windowBytes: number) {
    this.#connection = connection;
    this.#windowBytes = windowBytes;
  }

  /** Nothing is asked of the guest until the iteration begins; each iteration reads anew. */
  read(
    path: string,
    range: { readonly offset?: number; readonly length?: number } = {},
  ): AsyncIterable<Uint8Array> {
    const { offset = 0, length } = range;
    if (length === 0) throw invalid('length', '0 (at least 1, or left out to read to the end)');
    return {
      [Symbol.asyncIterator]: () =>
        new FileRead(this.#connection, { path, offset, length: length ?? 0, windowBytes: this.#windowBytes })
          .iterator,
    };
  }

  async write(
    path: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: WriteOptions = {},
  ): Promise<FileInfo> {
    return writeFile(this.#connection, path, content, options);
  }

  async stat(path: string, options: { readonly noFollow?: boolean } = {}): Promise<FileInfo> {
    const flags = options.noFollow === true ? fileFlags.noFollow : 0;
    const infos: FileInfo[] = [];
    const request = new Request<FileInfo>({
      request: 'file.stat',
      onFrame: collectInfo(infos, 1),
      finish: () => {
        const [info] = infos;
        if (info === undefined) throw protocolViolation('done without a file.info as an answer to file.stat');
        return info;
      },
    });
    return this.#ask(request, (channel) => encodeFrame('file.stat', channel, { path, flags }));
  }

  async list(
    path: string,
    page: { readonly offset?: number; readonly limit?: number } = {},
  ): Promise<ListPage> {
    const { offset = 0, limit = defaultListedEntries } = page;
    if (!(limit >= 1)) throw invalid('limit', `${limit} (at least 1)`);
    const allowed = Math.min(limit, channelLimits.maxListedEntries);
    const entries: FileInfo[] = [];
    const request = new Request<ListPage>({
      request: 'file.list',
      onFrame: collectInfo(entries, allowed),
      finish: (total) => ({ entries, total }),
    });
    return this.#ask(request, (channel) =>
      encodeFrame('file.list', channel, { path, offset, limit: allowed }),
    );
  }

  async makeDirectory(
    path: string,
    options: { readonly mode?: number; readonly makeParents?: boolean } = {},
  ): Promise<void> {
    const flags = options.makeParents === true ? fileFlags.parents : 0;
    await this.#count('file.makeDirectory', (channel) =>
      encodeFrame('file.makeDirectory', channel, { path, mode: options.mode ?? 0o755, flags }),
    );
  }

  async rename(from: string, to: string, options: { readonly isExclusive?: boolean } = {}): Promise<void> {
    const flags = options.isExclusive === true ? fileFlags.exclusive : 0;
    await this.#count('file.rename', (channel) => encodeFrame('file.rename', channel, { from, to, flags }));
  }

  async remove(
    path: string,
    options: { readonly isRecursive?: boolean } = {},
  ): Promise<{ readonly removed: number }> {
    const flags = options.isRecursive === true ? fileFlags.parents : 0;
    return {
      removed: await this.#count('file.remove', (channel) =>
        encodeFrame('file.remove', channel, { path, flags }),
      ),
    };
  }

  async watch(path: string, signal?: AbortSignal): Promise<AsyncIterable<FileChange>> {
    return new FileWatch(this.#connection, signal).open(path);
  }

  #count(request: FrameName, encode: (channel: number) => Uint8Array): Promise<number> {
    return this.#ask(new Request<number>({ request, finish: (count) => count }), encode);
  }

  #ask<T>(request: Request<T>, encode: (channel: number) => Uint8Array): Promise<T> {
    this.#connection.open(request, encode);
    return request.result;
  }
}

/** Takes `file.info` frames into a list, up to a limit. */
function collectInfo(infos: FileInfo[], limit: number): (name: FrameName, payload: Uint8Array) => boolean {
  return (name, payload) => {
    if (name !== 'file.info') return false;
    if (infos.length >= limit)
      throw protocolViolation(`more than ${limit} files where ${limit} were asked for`);
    infos.push(readFileInfo(payload));
    return true;
  };
}

function invalid(name: string, what: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `${name} cannot be used: ${what}.`,
    hint: `Correct ${name} and call again.`,
  });
}
