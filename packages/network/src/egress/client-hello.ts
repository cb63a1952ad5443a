/** What the first bytes of a client say: the server name it asks for by TLS, that it asks for none, or that this is no TLS. */
export type ClientHello =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'notTls' }
  | { readonly kind: 'hello'; readonly serverName: string | undefined }
  /** TLS, and malformed. */
  | { readonly kind: 'malformed' };

/** A ClientHello with post-quantum keys is 2 KiB; nothing honest is near this. */
export const maxHelloBytes = 65_536;

const incomplete = { kind: 'incomplete' } as const;
const malformed = { kind: 'malformed' } as const;

/** Reads the server name of a ClientHello (RFC 8446, 4.1.2; RFC 6066, 3), which may span TLS records. */
export function readClientHello(bytes: Uint8Array): ClientHello {
  if (bytes.length === 0) return incomplete;
  if (bytes[0] !== 0x16) return { kind: 'notTls' };
  if (bytes.length >= 2 && bytes[1] !== 3) return malformed;
  const message = joinRecords(bytes);
  if (message === 'malformed') return malformed;
  if (message.length < 4) return incomplete;
  if (message[0] !== 1) return malformed;
  const length = readUint(message, 1, 3);
  if (length > maxHelloBytes) return malformed;
  if (message.length < 4 + length) return incomplete;
  try {
    return { kind: 'hello', serverName: serverNameOf(new Fields(message.subarray(4, 4 + length))) };
  } catch {
    return malformed;
  }
}

/** The handshake bytes of the records that are there, the last of which may be cut. */
function joinRecords(bytes: Uint8Array): Uint8Array | 'malformed' {
  const parts: Uint8Array[] = [];
  let at = 0;
  while (bytes.length - at >= 5) {
    const length = readUint(bytes, at + 3, 2);
    if (bytes[at] !== 0x16 || bytes[at + 1] !== 3 || length === 0 || length > 16_640) return 'malformed';
    parts.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return Buffer.concat(parts);
}

function serverNameOf(hello: Fields): string | undefined {
  hello.skip(34);
  hello.vector(1);
  hello.vector(2);
  hello.vector(1);
  if (hello.isEmpty) return undefined;
  const extensions = hello.fields(2);
  let name: string | undefined;
  while (!extensions.isEmpty) {
    const type = extensions.uint(2);
    const content = extensions.fields(2);
    if (type !== 0) continue;
    // Two of them could be read differently by two programs.
    if (name !== undefined) throw new Error('two server names');
    const list = content.fields(2);
    if (list.uint(1) !== 0) throw new Error('not a host name');
    name = Buffer.from(list.vector(2)).toString('latin1');
    if (!list.isEmpty || name === '') throw new Error('more than one server name');
  }
  return name;
}

/** Walks the fields of a structure of TLS; throws where it is cut. */
class Fields {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isEmpty(): boolean {
    return this.#at === this.#bytes.length;
  }

  skip(bytes: number): void {
    if (this.#at + bytes > this.#bytes.length) throw new Error('cut');
    this.#at += bytes;
  }

  uint(bytes: number): number {
    this.skip(bytes);
    return readUint(this.#bytes, this.#at - bytes, bytes);
  }

  vector(lengthBytes: number): Uint8Array {
    const length = this.uint(lengthBytes);
    this.skip(length);
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  fields(lengthBytes: number): Fields {
    return new Fields(this.vector(lengthBytes));
  }
}

function readUint(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let index = 0; index < length; index++) value = value * 256 + (bytes[at + index] ?? 0);
  return value;
}
