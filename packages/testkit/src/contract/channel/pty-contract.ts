import { expect } from 'vitest';
import { verifies } from '../../requirements/verifies.ts';
import { collect, Reader, type ChannelSuite } from './channel-subject.ts';

const size = { rows: 24, columns: 80 };

/** R-EXEC-3: a terminal that programs take for one. */
export function ptyContract(suite: ChannelSuite): void {
  const terminal = (script: string, shell = 'sh'): Reader =>
    new Reader(
      suite.start({
        command: shell,
        args: ['-c', script],
        pty: size,
        openStdin: true,
        env: [...suite.subject.env, 'TERM=xterm'],
      }),
    );

  verifies('R-EXEC-3', 'all three descriptors are a terminal; without a PTY none is', async (context) => {
    suite.needs(context, 'pty');
    const script = 'for fd in 0 1 2; do [ -t $fd ] && echo "tty $fd" || echo "no $fd"; done';
    expect(await terminal(script).rest()).toBe('tty 0\r\ntty 1\r\ntty 2\r\n');
    expect((await suite.sh(script)).stdout.toString()).toBe('no 0\nno 1\nno 2\n');
  });

  verifies('R-EXEC-3', 'it has the size that was asked for, and a controlling terminal', async (context) => {
    suite.needs(context, 'pty');
    expect(await terminal('stty size; stty size < /dev/tty').rest()).toBe('24 80\r\n24 80\r\n');
  });

  verifies('R-EXEC-3', 'a resize is felt as SIGWINCH and seen by stty', async (context) => {
    suite.needs(context, 'pty');
    const reader = terminal('trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.02; done');
    await reader.until(/ready\r\n/);
    await reader.process.resize({ rows: 50, columns: 132 });
    await reader.until(/50 132\r\n/);
    await reader.rest();
    expect((await reader.process.exit).exitCode).toBe(0);
  });

  verifies(
    'R-EXEC-3',
    'Ctrl-C is SIGINT for the foreground: caught by a trap, deadly without one',
    async (context) => {
      suite.needs(context, 'pty');
      const trapped = terminal(
        'trap "echo interrupted; exit 7" INT; echo ready; while :; do sleep 0.02; done',
      );
      await trapped.until(/ready\r\n/);
      await trapped.type('\u0003');
      await trapped.until(/interrupted\r\n/);
      await trapped.rest();
      expect((await trapped.process.exit).exitCode).toBe(7);
      const plain = terminal('echo ready; exec sleep 1000');
      await plain.until(/ready\r\n/);
      await plain.type('\u0003');
      await plain.rest();
      expect(await plain.process.exit).toMatchObject({ cause: 'signalled', signal: 'SIGINT', exitCode: 130 });
    },
  );

  verifies('R-EXEC-3', 'the line discipline echoes, edits and ends input with Ctrl-D', async (context) => {
    suite.needs(context, 'pty');
    const reader = terminal('echo ready; read line; echo "got <$line>"; cat; echo end');
    await reader.until(/ready\r\n/);
    await reader.type('abX\u007fc\n');
    await reader.until(/got <abc>\r\n/);
    await reader.type('\u0004');
    await reader.until(/end\r\n/);
    await reader.rest();
    expect((await reader.process.exit).exitCode).toBe(0);
  });

  verifies(
    'R-EXEC-3',
    'stty changes modes: no echo, and raw output of colours is byte exact',
    async (context) => {
      suite.needs(context, 'pty');
      const reader = terminal(
        `stty -echo; echo ready; read secret; printf '\\033[1;31mred\\033[0m %s' "$secret"; stty -opost; printf 'a\\nb'`,
      );
      await reader.until(/ready\r\n/);
      await reader.type('hidden\n');
      expect(await reader.rest()).toBe('\u001b[1;31mred\u001b[0m hiddena\nb');
    },
  );

  verifies(
    'R-EXEC-3',
    'job control: Ctrl-Z stops, jobs lists, fg resumes, in an interactive bash',
    { timeoutMs: 30_000 },
    async (context) => {
      suite.needs(context, 'pty');
      await suite.needsProgram(context, 'bash');
      const directory = await suite.directory();
      // In bash and not in sh: dash forks by vfork, and a child stopped in it keeps its parent from stopping.
      // The job says when it has the terminal; only then does Ctrl-Z mean the job and not the shell.
      const job = `trap 'echo resumed' CONT; trap 'echo interrupted; exit 0' INT; echo begun; while :; do sleep 0.02; done`;
      await suite.channel.files.write(`${directory}/job.sh`, Buffer.from(job));
      const env = [...suite.subject.env, 'TERM=dumb', 'PS1=PROMPT> ', 'HISTFILE='];
      const reader = new Reader(
        suite.start({
          command: 'bash',
          args: ['--norc', '--noprofile', '-i'],
          cwd: directory,
          pty: size,
          openStdin: true,
          env,
        }),
      );
      const opening = await reader.until(/[^]*PROMPT> /);
      expect(opening[0]).not.toMatch(/no job control/);
      await reader.type('bash job.sh\n');
      await reader.until(/begun/);
      await reader.type('\u001a');
      await reader.until(/Stopped/);
      await reader.until(/PROMPT> /);
      await reader.type('jobs\n');
      await reader.until(/\[1\].*Stopped.*bash job\.sh/);
      await reader.until(/PROMPT> /);
      await reader.type('fg\n');
      await reader.until(/resumed/);
      await reader.type('\u0003');
      await reader.until(/interrupted/);
      await reader.until(/PROMPT> /);
      await reader.type('exit 9\n');
      await reader.rest();
      expect((await reader.process.exit).exitCode).toBe(9);
    },
  );

  verifies('R-EXEC-3', 'a full-screen program comes up and leaves: less', async (context) => {
    suite.needs(context, 'pty');
    await suite.needsProgram(context, 'less');
    const path = `${await suite.directory()}/long.txt`;
    await suite.channel.files.write(
      path,
      Buffer.from(Array.from({ length: 500 }, (_, i) => `line ${i}\n`).join('')),
    );
    const reader = terminal(`LESS= less '${path}'`);
    await reader.until(/line 20/);
    await reader.type('G');
    await reader.until(/line 499/);
    await reader.type('q');
    await reader.rest();
    expect((await reader.process.exit).exitCode).toBe(0);
  });

  verifies('R-EXEC-3', 'hanging up: killing the terminal ends what ran on it', async (context) => {
    suite.needs(context, 'pty');
    const process = suite.start({ command: 'sh', args: ['-c', 'echo ready; sleep 1000'], pty: size });
    const reader = new Reader(process);
    await reader.until(/ready/);
    await process.kill();
    await reader.rest();
    expect((await process.exit).cause).toBe('killed');
  });

  verifies('R-EXEC-3', 'a PTY carries one stream: stderr comes with stdout', async (context) => {
    suite.needs(context, 'pty');
    const ran = await collect(
      suite.start({ command: 'sh', args: ['-c', 'echo out; echo err >&2'], pty: size }),
    );
    expect(ran.stdout.toString()).toBe('out\r\nerr\r\n');
    expect(ran.stderr.byteLength).toBe(0);
  });
}
