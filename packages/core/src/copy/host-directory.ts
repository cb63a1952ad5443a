import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readlink, rename, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY;

/**
 * A directory of the host, held open: what is done in it stays in it, whatever becomes of its path meanwhile. A guest may
 * share the directory (its workspace), and swap a name for a link at any moment.
 *
 * SAFETY: entries are reached as /proc/self/fd/N/name and never followed when they are links, so that no component can be
 * swapped; copy.test.ts holds it.
 */
export class HostDirectory {
  readonly #handle: FileHandle;
  readonly #path: string;

  private constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  /** Opens what the caller named, links in it followed. */
  static async open(path: string): Promise<HostDirectory> {
    return new HostDirectory(await open(path, directoryFlags), path);
  }

  /** Opens an entry that is a directory, not a link to one. */
  async enter(name: string): Promise<HostDirectory> {
    const handle = await open(this.#entry(name), directoryFlags | constants.O_NOFOLLOW);
    return new HostDirectory(handle, join(this.#path, name));
  }

  /** The same, made when it is missing. */
  async enterOrMake(name: string, mode: number): Promise<HostDirectory> {
    await mkdir(this.#entry(name), { mode: mode | 0o700 }).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    });
    return this.enter(name);
  }

  /** Opens an entry that is a file for reading; a link or a pipe is refused or does not block. */
  openFile(name: string): Promise<FileHandle> {
    return open(this.#entry(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  }

  /** Writes a file; until all of it is there an old one stays. Permission bits are cut by the umask. */
  async writeFile(name: string, mode: number, content: AsyncIterable<Uint8Array>): Promise<void> {
    const temporary = temporaryName();
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = await open(this.#entry(temporary), flags, mode & 0o777);
    try {
      for await (const chunk of content) await writeAll(handle, chunk);
      await handle.close();
      await rename(this.#entry(temporary), this.#entry(name));
    } catch (error) {
      await handle.close().catch(() => undefined);
      await unlink(this.#entry(temporary)).catch(() => undefined);
      throw error;
    }
  }

  /** Makes a symbolic link in place of a file or link. */
  async link(name: string, target: string): Promise<void> {
    const temporary = temporaryName();
    await symlink(target, this.#entry(temporary));
    try {
      await rename(this.#entry(temporary), this.#entry(name));
    } catch (error) {
      await unlink(this.#entry(temporary)).catch(() => undefined);
      throw error;
    }
  }

  /** Names and kinds of its entries, sorted. */
  async entries(): Promise<
    readonly { readonly name: string; readonly kind: 'file' | 'directory' | 'link' | 'other' }[]
  > {
    const found = await readdir(this.#here(), { withFileTypes: true });
    return found
      .map((entry) => ({
        name: entry.name,
        kind: entry.isFile()
          ? ('file' as const)
          : entry.isDirectory()
            ? ('directory' as const)
            : entry.isSymbolicLink()
              ? ('link' as const)
              : ('other' as const),
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  readLink(name: string): Promise<string> {
    return readlink(this.#entry(name));
  }

  async mode(): Promise<number> {
    return (await this.#handle.stat()).mode & 0o777;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  #here(): string {
    return process.platform === 'linux' ? `/proc/self/fd/${this.#handle.fd}` : this.#path;
  }

  #entry(name: string): string {
    return `${this.#here()}/${name}`;
  }
}

function temporaryName(): string {
  return `.sovereign-${randomBytes(8).toString('hex')}`;
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten;
}
