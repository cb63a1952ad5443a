import { createHash, randomBytes } from 'node:crypto';
import { signalNumbers, type SignalName } from '@sovereign/protocol';
import { expect } from 'vitest';
import { verifies } from '../../requirements/verifies.ts';
import { collect, Reader, type ChannelSuite } from './channel-subject.ts';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, value) => value));

/** R-EXEC-2: bytes in, bytes out, apart and exact; how it ended is data. */
export function outputContract(suite: ChannelSuite): void {
  verifies('R-EXEC-2', 'stdout and stderr come apart', async () => {
    const { stdout, stderr, exit } = await suite.sh('echo out; echo err >&2; echo out2; echo err2 >&2');
    expect(stdout.toString()).toBe('out\nout2\n');
    expect(stderr.toString()).toBe('err\nerr2\n');
    expect(exit).toMatchObject({
      exitCode: 0,
      signal: null,
      cause: 'exited',
      stdoutBytes: 9,
      stderrBytes: 9,
    });
  });

  verifies('R-EXEC-2', 'all 256 byte values pass unchanged through stdin and stdout', async () => {
    const { stdout } = await suite.run({ command: 'cat', stdin: everyByte });
    expect(stdout.equals(everyByte)).toBe(true);
  });

  verifies('R-EXEC-2', 'all 256 byte values pass unchanged through stderr', async (context) => {
    suite.needs(context, 'kernel');
    const { stdout, stderr } = await suite.sh('cat >&2', { stdin: everyByte });
    expect(stderr.equals(everyByte)).toBe(true);
    expect(stdout.byteLength).toBe(0);
  });

  verifies('R-EXEC-2', 'stdin is empty when none is given: a reader sees its end at once', async () => {
    const { stdout, exit } = await suite.run({ command: 'cat' });
    expect(stdout.byteLength).toBe(0);
    expect(exit.exitCode).toBe(0);
  });

  verifies(
    'R-EXEC-2',
    '10 MiB written to stdin piece by piece come back as they were',
    { timeoutMs: 60_000 },
    async () => {
      const content = randomBytes(10 * 1024 * 1024);
      const process = suite.start({ command: 'cat', openStdin: true });
      const feed = async (): Promise<void> => {
        for (let at = 0; at < content.byteLength; at += 65_537)
          await process.write(content.subarray(at, at + 65_537));
        await process.endStdin();
      };
      const [{ stdout, exit }] = await Promise.all([collect(process), feed()]);
      expect(exit).toMatchObject({ exitCode: 0, stdoutBytes: content.byteLength });
      expect(sha256(stdout)).toBe(sha256(content));
    },
  );

  verifies(
    'R-EXEC-2',
    'a command that does not read its stdin ends anyway, and writing on harms nothing',
    async () => {
      const process = suite.start({ command: 'true', openStdin: true });
      const ran = collect(process);
      const written = process.write(new Uint8Array(200_000)).then(
        () => 'written',
        () => 'refused',
      );
      expect((await ran).exit.exitCode).toBe(0);
      expect(['written', 'refused']).toContain(await written);
      expect((await suite.run({ command: 'true' })).exit.exitCode).toBe(0);
    },
  );

  verifies('R-EXEC-2', 'stdin is a conversation: what is written is answered before its end', async () => {
    const reader = new Reader(suite.start({ command: 'cat', openStdin: true }));
    await reader.type('first\n');
    await reader.until(/first\n/);
    await reader.type('second\n');
    await reader.until(/second\n/);
    await reader.process.endStdin();
    await reader.rest();
    expect((await reader.process.exit).exitCode).toBe(0);
  });

  verifies('R-EXEC-2', 'exit codes 0 to 255 arrive as they are', { timeoutMs: 60_000 }, async () => {
    const codes = Array.from({ length: 256 }, (_, code) => code);
    const seen: number[] = [];
    for (let at = 0; at < codes.length; at += 32) {
      const batch = codes.slice(at, at + 32).map((code) => suite.sh(`exit ${code}`));
      seen.push(...(await Promise.all(batch)).map(({ exit }) => exit.exitCode));
    }
    expect(seen).toEqual(codes);
  });

  verifies(
    'R-EXEC-2',
    'a command ended by a signal says which: SIGKILL, SIGTERM, SIGSEGV, SIGUSR1',
    async () => {
      const deadly: readonly SignalName[] = ['SIGKILL', 'SIGTERM', 'SIGSEGV', 'SIGUSR1'];
      for (const signal of deadly) {
        const { exit } = await suite.sh(`kill -${signalNumbers[signal]} $$; sleep 5`);
        expect(exit).toMatchObject({ cause: 'signalled', signal, exitCode: 128 + signalNumbers[signal] });
      }
    },
  );

  verifies('R-EXEC-2', 'a signal is sent to the direct child and can be caught', async (context) => {
    suite.needs(context, 'kernel');
    const reader = new Reader(
      suite.start({
        command: 'sh',
        args: ['-c', 'trap "echo caught; exit 5" TERM; echo ready; while :; do sleep 0.02; done'],
      }),
    );
    await reader.until(/ready\n/);
    await reader.process.signal('SIGTERM');
    await reader.until(/caught\n/);
    await reader.rest();
    expect(await reader.process.exit).toMatchObject({ exitCode: 5, cause: 'exited' });
  });

  verifies('R-EXEC-2', 'a signal that nobody catches ends the command', async () => {
    const process = suite.start({ command: 'sleep', args: ['1000'] });
    await process.started;
    await process.signal('SIGTERM');
    expect((await collect(process)).exit).toMatchObject({
      cause: 'signalled',
      signal: 'SIGTERM',
      exitCode: 143,
    });
  });

  verifies('R-EXEC-2', 'output without a final newline, and no output at all, are exact', async () => {
    expect((await suite.run({ command: 'printf', args: ['%s', 'no newline'] })).stdout.toString()).toBe(
      'no newline',
    );
    expect((await suite.run({ command: 'true' })).stdout.byteLength).toBe(0);
  });

  verifies('R-EXEC-2', 'cursors count every byte received', async () => {
    const process = suite.start({ command: 'sh', args: ['-c', 'echo 12345; echo 123 >&2'] });
    let last = 0;
    for await (const { stream, data, cursor } of process) {
      if (stream !== 'stdout') continue;
      last += data.byteLength;
      expect(cursor).toBe(last);
    }
    await process.exit;
    expect(process.cursors).toEqual({ stdout: 6, stderr: 4 });
  });

  verifies('R-EXEC-2', 'a sink gets the same bytes as iterating', async () => {
    const pieces: Buffer[] = [];
    const process = suite.channel.exec(
      suite.resolve({ command: 'cat', stdin: everyByte }),
      (stream, data) => {
        if (stream === 'stdout') pieces.push(Buffer.from(data));
      },
    );
    expect((await process.exit).exitCode).toBe(0);
    expect(Buffer.concat(pieces).equals(everyByte)).toBe(true);
  });

  verifies('R-EXEC-2', 'what a command used is accounted for', async (context) => {
    suite.needs(context, 'kernel');
    const { exit } = await suite.sh('i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done');
    expect(exit.wallMs).toBeGreaterThan(0);
    expect(exit.userMs + exit.systemMs).toBeGreaterThan(0);
    expect(exit.maxRssKib).toBeGreaterThan(100);
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
