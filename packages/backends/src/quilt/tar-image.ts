import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { SovereignError } from '@sovereign/protocol';
import { ownedName, stagedPath, sweepAbandoned } from '@sovereign/guest';
import { removeDirectory } from './empty-directory.ts';
import { checkRootDirectory } from './guest-root.ts';
import { idsMissing } from './ids-missing.ts';
import { withScratchGuest, type ScratchOptions } from './scratch-guest.ts';

/**
 * The name of the root that an archive comes to: by its SHA-256.
 *
 * @throws SovereignError `image.invalid`
 */
export async function tarRootName(path: string): Promise<string> {
  if (!path.startsWith('/') || !existsSync(path) || !statSync(path).isFile()) {
    throw invalidImage(path, 'it is not a file (an absolute path to a tar archive expected)');
  }
  const hash = await digest(path).catch((error: unknown) => {
    throw invalidImage(path, `it cannot be read (${error instanceof Error ? error.message : String(error)})`);
  });
  return `tar-${hash}`;
}

/**
 * Unpacks a tar archive of a root file system to where its root has its place, unless it is there.
 *
 * SAFETY: the archive is hostile, so tar runs inside a scratch guest that has nothing but the target directory:
 * no name in it, and no link, reaches the host (CVE-2018-15664 and its kind). tests/security holds it.
 *
 * @throws SovereignError `image.invalid`
 */
export async function unpackTarImage(path: string, root: string, options: ScratchOptions): Promise<void> {
  if (existsSync(root)) return;
  sweepAbandoned(options.imageDirectory);
  const partial = ownedName(root);
  mkdirSync(partial, { recursive: true, mode: 0o755 });
  try {
    const said = await unpack(path, partial, options);
    if (said !== undefined) throw idsMissing(said) ?? invalidImage(path, said);
    checkRootDirectory(partial);
    renameSync(partial, root);
  } catch (error) {
    await removeDirectory(partial, options);
    // Another process may have unpacked the same archive meanwhile.
    if (!existsSync(root)) throw error;
  }
}

/** Feeds the archive to tar in a scratch guest; returns what tar complained of when it failed. */
async function unpack(path: string, target: string, options: ScratchOptions): Promise<string | undefined> {
  const scratch: ScratchOptions = {
    ...options,
    staged: [{ source: target, name: 'out' }],
    mounts: [{ kind: 'bind', source: stagedPath('out'), target: '/out' }],
  };
  return withScratchGuest(scratch, async (channel) => {
    const file = await open(path);
    try {
      const gzip = (await file.read(Buffer.alloc(2), 0, 2, 0)).buffer.readUInt16BE(0) === 0x1f8b;
      const complaints: string[] = [];
      const tar = channel.exec(
        {
          command: 'tar',
          args: ['-x', ...(gzip ? ['-z'] : []), '-p', '--numeric-owner', '--xattrs', '-C', '/out', '-f', '-'],
          cwd: '/out',
          env: ['PATH=/usr/bin:/bin'],
          openStdin: true,
        },
        (_stream, data) => {
          if (complaints.length < 20) complaints.push(Buffer.from(data).toString('utf8'));
        },
      );
      await tar.started;
      for await (const chunk of file.createReadStream({
        start: 0,
        autoClose: false,
        highWaterMark: 256 * 1024,
      })) {
        if (!(await takes(tar.write(chunk as Uint8Array)))) break;
      }
      await takes(tar.endStdin());
      const exit = await tar.exit;
      return exit.exitCode === 0 ? undefined : `tar said: ${complaints.join('').slice(0, 500)}`;
    } finally {
      await file.close();
    }
  });
}

/** A tar that has had enough takes no more: that shows in its exit, where it says why. */
async function takes(sent: Promise<void>): Promise<boolean> {
  return sent.then(
    () => true,
    () => false,
  );
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Uint8Array);
  return hash.digest('hex').slice(0, 32);
}

function invalidImage(path: string, problem: string): SovereignError {
  return new SovereignError({
    reason: 'image.invalid',
    message: `The archive cannot be used as an image: ${path}: ${problem}.`,
    hint: 'Give a tar archive (plain or gzip) of a root file system, for example one made by `docker export`.',
    context: { path },
  });
}
