/** An entry of an archive that no tool would write; for tests. */
export interface RawEntry {
  readonly name: string;
  /** One character of ustar: 0 file, 1 hard link, 2 link, 3 and 4 devices, 5 directory, 6 fifo, x pax, L and K long names. */
  readonly type?: string;
  readonly link?: string;
  readonly content?: string | Uint8Array;
  /** Size in the header, where it is to differ from that of the content. */
  readonly size?: number;
  readonly mode?: number;
  /** User and group that it belongs to. Default: root. */
  readonly owner?: number;
  readonly pax?: Readonly<Record<string, string>>;
}

/** A tar archive by hand. */
export function rawTar(entries: readonly RawEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(entryBlocks), Buffer.alloc(1024)]);
}

function entryBlocks(entry: RawEntry): Buffer[] {
  const { pax, ...plain } = entry;
  if (pax === undefined) return [rawHeader(plain), padded(plain.content ?? '')];
  const records = Object.entries(pax).map(([key, value]) => paxRecord(key, value));
  const content = Buffer.concat(records);
  return [rawHeader({ name: 'pax', type: 'x', content }), padded(content), ...entryBlocks(plain)];
}

export function rawHeader({
  name,
  type = '0',
  link = '',
  content = '',
  size,
  mode = 0o755,
  owner = 0,
}: RawEntry): Buffer {
  const header = Buffer.alloc(512);
  const length = size ?? Buffer.byteLength(content);
  header.write(name, 0, 100, 'latin1');
  header.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
  for (const at of [108, 116]) header.write(`${owner.toString(8).padStart(7, '0')}\0`, at);
  header.write(`${length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(link, 157, 100, 'latin1');
  header.write('ustar\x0000', 257);
  if (type === '3' || type === '4') header.write('0000001\x000000003\0', 329);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function padded(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.byteLength % 512)) % 512)]);
}

function paxRecord(key: string, value: string): Buffer {
  for (let length = 1; ; length++) {
    const record = Buffer.from(`${length} ${key}=${value}\n`, 'latin1');
    if (record.byteLength === length) return record;
  }
}

/** Bytes as a stream, in pieces of a size. */
export async function* inPieces(bytes: Uint8Array, size = 4_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

export async function collected(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}
