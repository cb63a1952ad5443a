/** One entry of an archive of tests: enough of ustar (POSIX.1-1988) for root file systems and OCI layouts. */
export interface TarEntry {
  /** Relative path without `./`. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link';
  readonly mode: number;
  readonly content: Uint8Array;
  /** Of a symbolic link. */
  readonly target: string;
}

const block = 512;
const kinds = { file: '0', directory: '5', link: '2' } as const;

export function tarFile(path: string, content: string | Uint8Array, mode = 0o644): TarEntry {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return { path, kind: 'file', mode, content: bytes, target: '' };
}

export function tarDirectory(path: string, mode = 0o755): TarEntry {
  return { path, kind: 'directory', mode, content: new Uint8Array(0), target: '' };
}

export function tarLink(path: string, target: string): TarEntry {
  return { path, kind: 'link', mode: 0o777, content: new Uint8Array(0), target };
}

/** The bytes of an archive: the same entries give the same bytes. */
export function writeTar(entries: readonly TarEntry[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    parts.push(header(entry));
    const { content } = entry;
    if (content.byteLength > 0) parts.push(content, Buffer.alloc(padding(content.byteLength)));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

/** @throws Error for anything but the plain entries that `writeTar` writes. */
export function readTar(archive: Uint8Array): readonly TarEntry[] {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const entries: TarEntry[] = [];
  for (let at = 0; at + block <= bytes.length;) {
    const head = bytes.subarray(at, at + block);
    if (head.every((byte) => byte === 0)) return entries;
    if (checksum(head) !== parseOctal(head, 148, 8)) throw new Error('tar: a header has a wrong checksum');
    const size = parseOctal(head, 124, 12);
    const type = text(head, 156, 1);
    const kind = type === '5' ? 'directory' : type === '2' ? 'link' : 'file';
    if (!['0', '\0', '', '2', '5'].includes(type)) throw new Error(`tar: an entry of type ${type}`);
    at += block;
    if (at + size > bytes.length) throw new Error('tar: it is cut short');
    const prefix = text(head, 345, 155);
    const path = `${prefix === '' ? '' : `${prefix}/`}${text(head, 0, 100)}`;
    entries.push({
      path: path.replace(/^(\.\/)+/, '').replace(/\/+$/, ''),
      kind,
      mode: parseOctal(head, 100, 8),
      content: Uint8Array.from(bytes.subarray(at, at + size)),
      target: text(head, 157, 100),
    });
    at += size + padding(size);
  }
  throw new Error('tar: it is cut short');
}

function header({ path, kind, mode, content, target }: TarEntry): Buffer {
  const head = Buffer.alloc(block);
  if (Buffer.byteLength(path) > 100 || Buffer.byteLength(target) > 100)
    throw new Error(`tar: ${path} is too long (expected at most 100 bytes)`);
  head.write(kind === 'directory' ? `${path}/` : path, 0, 100);
  head.write(octal(mode, 7), 100);
  head.write(octal(0, 7), 108);
  head.write(octal(0, 7), 116);
  head.write(octal(content.byteLength, 11), 124);
  head.write(octal(0, 11), 136);
  head.write(kinds[kind], 156);
  head.write(target, 157);
  head.write('ustar\0' + '00', 257, 'latin1');
  head.write(octal(checksum(head), 6) + '\0 ', 148, 'latin1');
  return head;
}

/** The field itself counts as spaces. */
function checksum(head: Buffer): number {
  return head.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function parseOctal(head: Buffer, at: number, length: number): number {
  return Number.parseInt(text(head, at, length).trim() || '0', 8);
}

function text(head: Buffer, at: number, length: number): string {
  const field = head.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.subarray(0, end === -1 ? length : end).toString('utf8');
}

function padding(size: number): number {
  return (block - (size % block)) % block;
}
