import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifies } from '@sovereign/testkit';
import { expect } from 'vitest';
import { openSshStream } from './ssh-stream.ts';

verifies(
  'R-TIER-2',
  'a connection whose ssh ended while nobody asked anything is closed, on both sides',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'svh-'));
    try {
      writeFileSync(join(directory, 'ssh'), '#!/bin/sh\nread line\necho "answer to $line"\n', {
        mode: 0o700,
      });
      const address = { kind: 'ssh', host: 'far', port: 22, user: '' } as const;
      const stream = openSshStream(address, { env: { PATH: `${directory}:/usr/bin:/bin` }, home: directory });
      const closed = once(stream, 'close');
      stream.write('request\n');
      const answer: Buffer[] = [];
      stream.on('data', (bytes: Buffer) => answer.push(bytes));
      // A pool of connections hands out whatever is not closed.
      await closed;
      expect(stream.destroyed).toBe(true);
      expect(Buffer.concat(answer).toString()).toBe('answer to request\n');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
