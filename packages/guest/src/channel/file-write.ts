import { channelLimits, decodeFrame, encodeFrame, fileFlags } from '@sovereign/protocol';
import type { FileInfo, WriteOptions } from '@sovereign/core';
import { protocolViolation } from './channel-errors.ts';
import type { Connection } from './connection.ts';
import { DataSender } from './data-sender.ts';
import { readFileInfo } from './file-info.ts';
import { Request } from './request.ts';

/** Writes one file: request, content within the credit of the guest, commit. */
export async function writeFile(
  connection: Connection,
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<FileInfo> {
  const sender = new DataSender(connection, 'file.data', channelLimits.fileWindowBytes);
  let info: FileInfo | undefined;
  const request = new Request<FileInfo | undefined>({
    request: 'file.write',
    onFrame: (name, payload) => {
      if (name === 'credit') sender.grant(decodeFrame('credit', payload).bytes);
      else if (name === 'file.info' && info === undefined) info = readFileInfo(payload);
      else return false;
      return true;
    },
    finish: () => info,
    onEnd: (error) => {
      sender.fail(error ?? protocolViolation('end of a write before its commit'));
    },
  });
  const channel = connection.open(request, (id) =>
    encodeFrame('file.write', id, { path, mode: options.mode ?? 0, flags: flagsOf(options) }),
  );
  sender.open(channel);
  try {
    if (content instanceof Uint8Array) {
      // The end of a write that is refused half way shows in the result.
      sender.send(content, 'file.commit').catch(() => undefined);
    } else {
      await sendAll(content, sender, request.result);
      sender.send(new Uint8Array(0), 'file.commit').catch(() => undefined);
    }
  } catch (error) {
    // Nothing is left of a write whose content failed; where the guest ended it, the cancel crosses and is ignored.
    connection.send(encodeFrame('cancel', channel, {}));
    throw error;
  }
  const written = await request.result;
  if (written !== undefined) return written;
  const error = protocolViolation('done without a file.info as an answer to file.write');
  connection.fail(error);
  throw error;
}

/** Sends what the source gives; a source that gives nothing does not keep the end of the guest from being heard of. */
async function sendAll(
  content: AsyncIterable<Uint8Array>,
  sender: DataSender,
  result: Promise<unknown>,
): Promise<void> {
  const ended = result.then(() => {
    throw protocolViolation('end of a write before its commit');
  });
  ended.catch(() => undefined);
  const source = content[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      const step = await Promise.race([source.next(), ended]);
      if (step.done === true) break;
      await sender.send(step.value);
    }
    isDone = true;
  } finally {
    // Not waited for: a generator that stands still gets to it when it moves again.
    if (!isDone) void source.return?.().catch(() => undefined);
  }
}

function flagsOf(options: WriteOptions): number {
  let flags = 0;
  if (options.isExclusive === true) flags |= fileFlags.exclusive;
  if (options.makeParents === true) flags |= fileFlags.parents;
  if (options.isAppend === true) flags |= fileFlags.append;
  return flags;
}
