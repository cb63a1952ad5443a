import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const modes = {
  directory: 0o040_755,
  file: 0o100_644,
  program: 0o100_755,
  link: 0o120_777,
  console: 0o020_600,
};
const none = Buffer.alloc(0);

/**
 * A cpio archive ("newc", Documentation/driver-api/early-userspace/buffer-format of Linux) whose bytes depend on its
 * content alone: no times, no owners, entries in the order in which they are added.
 */
export class CpioArchive {
  readonly #parts: Buffer[] = [];
  #count = 0;

  directory(name: string): this {
    return this.#add(name, modes.directory, none);
  }

  file(name: string, content: Uint8Array, isProgram = false): this {
    return this.#add(name, isProgram ? modes.program : modes.file, content);
  }

  link(name: string, points: string): this {
    return this.#add(name, modes.link, Buffer.from(points));
  }

  /** The character device of the kernel's console, which init gets as its standard descriptors. */
  consoleDevice(name: string): this {
    return this.#add(name, modes.console, none, [5, 1]);
  }

  /** Regular files and directories below a directory of the host, sorted by name; caches of Python left out. */
  tree(name: string, path: string): this {
    this.directory(name);
    for (const entry of readdirSync(path).toSorted()) {
      const source = join(path, entry);
      const info = statSync(source, { throwIfNoEntry: false });
      if (info === undefined || entry === '__pycache__' || entry === 'tests') continue;
      if (info.isDirectory()) this.tree(`${name}/${entry}`, source);
      else if (info.isFile()) this.file(`${name}/${entry}`, readFileSync(source));
    }
    return this;
  }

  bytes(): Buffer {
    const trailer = new CpioArchive();
    trailer.#add('TRAILER!!!', 0, none);
    return Buffer.concat([...this.#parts, ...trailer.#parts]);
  }

  #add(name: string, mode: number, content: Uint8Array, device: readonly [number, number] = [0, 0]): this {
    const encoded = Buffer.from(`${name}\0`);
    const numbers = [
      ++this.#count, // inode
      mode,
      ...[0, 0, 1, 0], // uid, gid, links, mtime
      content.byteLength,
      ...[0, 0], // device of the archive
      ...device,
      encoded.byteLength,
      0, // checksum
    ];
    const header = `070701${numbers.map((value) => value.toString(16).toUpperCase().padStart(8, '0')).join('')}`;
    this.#parts.push(padded(Buffer.concat([Buffer.from(header), encoded])), padded(content));
    return this;
  }
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.byteLength % 4)) % 4)]);
}
