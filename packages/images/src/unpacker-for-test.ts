import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Unpacker } from './unpacker.ts';

/** Unpacks with the host's tar, without any confinement: for archives that tests themselves have made. */
export function hostUnpacker(): Unpacker {
  return {
    unpack: async ({ directory, tar }) => {
      const program = spawn(
        'tar',
        ['-x', '-p', '--xattrs', '--xattrs-include=user.*', '-C', directory, '-f', '-'],
        {
          stdio: ['pipe', 'ignore', 'ignore'],
        },
      );
      const ended = once(program, 'exit') as Promise<[number]>;
      await pipeline(Readable.from(tar), program.stdin);
      const [code] = await ended;
      if (code !== 0) throw new Error(`tar ended with ${code}`);
    },
    remove: (directory) => rm(directory, { recursive: true, force: true }),
  };
}
