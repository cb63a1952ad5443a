import {
  decodeFrame,
  type encodeFrame,
  type FrameFields,
  type FrameName,
  type RawFrame,
} from '@sovereign/protocol';
import { FakeErrno, type FakeFiles } from './fake-files.ts';

/** Fields as the codec takes them. */
export type Encodable<N extends FrameName> = Parameters<typeof encodeFrame<N>>[2];

export type SendFrame = <N extends FrameName>(
  name: N,
  channel: number,
  fields: Encodable<N>,
) => Promise<void> | undefined;

interface OpenWrite {
  readonly request: FrameFields<'file.write'>;
  readonly pieces: Uint8Array[];
}

interface OpenRead {
  readonly content: Uint8Array;
  sent: number;
  credit: number;
  isPumping: boolean;
}

const maxDataBytes = 262_144;

/** The file family of the guest channel, over the files of a fake guest. */
export class FakeFileChannel {
  readonly #files: FakeFiles;
  readonly #send: SendFrame;
  readonly #writes = new Map<number, OpenWrite>();
  readonly #reads = new Map<number, OpenRead>();
  readonly #watches = new Map<number, () => void>();

  constructor(options: { readonly files: FakeFiles; readonly send: SendFrame }) {
    this.#files = options.files;
    this.#send = options.send;
  }

  close(): void {
    for (const stop of this.#watches.values()) stop();
    this.#writes.clear();
    this.#reads.clear();
  }

  /** Returns false for a frame that is somebody else's. */
  take(name: FrameName, { channel, payload }: RawFrame): boolean {
    switch (name) {
      case 'file.read':
        this.#read(channel, decodeFrame('file.read', payload));
        return true;
      case 'file.data':
        this.#data(channel, payload);
        return true;
      case 'file.write': {
        const request = decodeFrame('file.write', payload);
        this.#files.checkWrite(request.path, request.flags);
        this.#writes.set(channel, { request, pieces: [] });
        return true;
      }
      case 'file.commit':
        this.#commit(channel);
        return true;
      case 'file.stat':
        this.#tell('file.info', channel, this.#files.stat(decodeFrame('file.stat', payload).path));
        this.#done(channel, 0);
        return true;
      case 'file.list': {
        const { path, offset, limit } = decodeFrame('file.list', payload);
        const all = this.#files.list(path);
        for (const info of all.slice(offset, offset + limit)) this.#tell('file.info', channel, info);
        this.#done(channel, all.length);
        return true;
      }
      case 'file.makeDirectory': {
        const { path, mode, flags } = decodeFrame('file.makeDirectory', payload);
        this.#files.makeDirectory(path, mode, flags);
        this.#done(channel, 0);
        return true;
      }
      case 'file.rename': {
        const { from, to, flags } = decodeFrame('file.rename', payload);
        this.#files.rename(from, to, flags);
        this.#done(channel, 0);
        return true;
      }
      case 'file.remove': {
        const { path, flags } = decodeFrame('file.remove', payload);
        this.#done(channel, this.#files.remove(path, flags));
        return true;
      }
      case 'file.watch': {
        const { path } = decodeFrame('file.watch', payload);
        const stop = this.#files.watch(path, (kind, changed) =>
          this.#tell('file.changed', channel, { kind, name: changed }),
        );
        this.#watches.set(channel, stop);
        this.#tell('file.watching', channel, {});
        return true;
      }
      case 'credit':
        return this.#credit(channel, decodeFrame('credit', payload).bytes);
      case 'cancel':
        return this.#cancel(channel);
      default:
        return false;
    }
  }

  #read(channel: number, { path, offset, length, credit }: FrameFields<'file.read'>): void {
    const info = this.#files.stat(path);
    const whole = this.#files.read(path);
    const content = whole.subarray(offset, length === 0 ? undefined : offset + length);
    const read: OpenRead = { content, sent: 0, credit, isPumping: false };
    this.#reads.set(channel, read);
    this.#tell('file.info', channel, info);
    void this.#pump(channel, read);
  }

  async #pump(channel: number, read: OpenRead): Promise<void> {
    if (read.isPumping) return;
    read.isPumping = true;
    while (read.sent < read.content.byteLength && read.credit > 0 && this.#reads.get(channel) === read) {
      const data = read.content.subarray(read.sent, read.sent + Math.min(read.credit, maxDataBytes));
      read.sent += data.byteLength;
      read.credit -= data.byteLength;
      await this.#send('file.data', channel, { data });
    }
    read.isPumping = false;
    if (read.sent === read.content.byteLength && this.#reads.delete(channel)) this.#done(channel, read.sent);
  }

  #data(channel: number, data: Uint8Array): void {
    const write = this.#writes.get(channel);
    if (write === undefined) return;
    write.pieces.push(data);
    this.#tell('credit', channel, { bytes: data.byteLength });
  }

  #commit(channel: number): void {
    const write = this.#writes.get(channel);
    if (write === undefined) throw new FakeErrno('EINVAL', 'file.commit', '');
    this.#writes.delete(channel);
    const content = Buffer.concat(write.pieces);
    const { path, mode, flags } = write.request;
    this.#tell('file.info', channel, this.#files.write(path, content, mode, flags));
    this.#done(channel, content.byteLength);
  }

  #credit(channel: number, bytes: number): boolean {
    const read = this.#reads.get(channel);
    if (read === undefined) return false;
    read.credit += bytes;
    void this.#pump(channel, read);
    return true;
  }

  #cancel(channel: number): boolean {
    const stop = this.#watches.get(channel);
    stop?.();
    const wasOpen =
      this.#watches.delete(channel) || this.#reads.delete(channel) || this.#writes.delete(channel);
    if (wasOpen) this.#done(channel, 0);
    return wasOpen;
  }

  #tell<N extends FrameName>(name: N, channel: number, fields: Encodable<N>): void {
    void this.#send(name, channel, fields);
  }

  #done(channel: number, count: number): void {
    this.#tell('done', channel, { count });
  }
}
