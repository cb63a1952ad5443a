import { stagedPath } from '@sovereign/guest';
import type { Unpacker, UnpackRequest } from '@sovereign/images';
import { SovereignError } from '@sovereign/protocol';
import { throwIfCancelled } from '@sovereign/core';
import { removeDirectory } from './empty-directory.ts';
import { idsMissing } from './ids-missing.ts';
import { withScratchGuest, type ScratchOptions } from './scratch-guest.ts';

/**
 * GNU tar, told to take the archive literally: owners and modes as they stand, attributes whatever their name (the library
 * has chosen them), a directory's times after its content. A directory may come twice; the later one decides.
 */
const tarArguments = [
  ...['-x', '-p', '--same-owner', '--numeric-owner', '--xattrs', '--xattrs-include=*'],
  // Records of 1 MiB: with its own 10 KiB it would ask twenty times for what one read gives.
  ...['--delay-directory-restore', '--blocking-factor=2048', '-C', '/out', '-f', '-'],
];

/**
 * Unpacks layers in scratch guests.
 *
 * SAFETY: tar sees `/out` and what every guest sees; a name or a link that leads out of `/out` leads into a guest that is
 * gone a moment later. tests/security/image-archives.test.ts holds it.
 */
export function createLayerUnpacker(scratch: () => ScratchOptions): Unpacker {
  return {
    unpack: (request) => unpack(request, scratch()),
    remove: (directory) => removeDirectory(directory, scratch()),
  };
}

async function unpack({ directory, tar, signal }: UnpackRequest, scratch: ScratchOptions): Promise<void> {
  const options: ScratchOptions = {
    ...scratch,
    staged: [{ source: directory, name: 'out' }],
    mounts: [{ kind: 'bind', source: stagedPath('out'), target: '/out' }],
    // For `security.capability`, which the kernel ties to the user namespace of whoever may be root where it is used.
    capabilities: ['CAP_SETFCAP'],
  };
  await withScratchGuest(options, async (channel) => {
    const said: string[] = [];
    const program = channel.exec(
      {
        command: 'tar',
        args: tarArguments,
        cwd: '/out',
        env: ['PATH=/usr/bin:/bin', 'LC_ALL=C'],
        openStdin: true,
      },
      (_stream, data) => {
        if (said.length < 20) said.push(Buffer.from(data).toString('utf8'));
      },
    );
    await program.started;
    // The next piece is made while the last one is on its way.
    let sent = Promise.resolve(true);
    for await (const bytes of tar) {
      throwIfCancelled(signal);
      // A tar that has had enough takes no more: that shows in its exit, where it says why.
      if (!(await sent)) break;
      sent = succeeds(program.write(bytes));
    }
    await sent;
    await succeeds(program.endStdin());
    const { exitCode } = await program.exit;
    if (exitCode !== 0) throw idsMissing(said.join('')) ?? notUnpacked(exitCode, said.join(''));
  });
}

function succeeds(sent: Promise<void>): Promise<boolean> {
  return sent.then(
    () => true,
    () => false,
  );
}

function notUnpacked(exitCode: number, said: string): SovereignError {
  const isFull = said.includes('No space left') || said.includes('Disk quota exceeded');
  return new SovereignError({
    reason: isFull ? 'image.too-large' : 'image.corrupt',
    message: `A layer could not be unpacked: tar ended with ${exitCode}: ${said.replaceAll(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, 500)}`,
    hint: isFull
      ? 'Make room on the disk of the image library.'
      : 'GNU tar is needed on this host; the layer may be damaged.',
    context: { exitCode },
  });
}
