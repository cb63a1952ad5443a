import type { ExitStatus, GuestChannel, GuestProcess, ResolvedExec } from '@sovereign/core';
import { afterAll, beforeAll, type TestContext } from 'vitest';
import { eventually, within } from '../eventually.ts';
import { hostProcessesNamed } from '../host-processes.ts';

/** One guest that a contract suite converses with, however it was brought up. */
export interface ChannelSubject {
  /** A connection of its own to the same guest, each time. */
  connect(): Promise<GuestChannel>;
  /** A directory inside that commands and file operations may write to. */
  readonly workspacePath: string;
  /** The whole environment of commands, NAME=value. */
  readonly env: readonly string[];
  /** A file that exists, as the guest names it, outside the roots of file operations; its loss must hurt nobody. */
  readonly outsidePath?: string;
  /** Brings the guest down. */
  dispose(): Promise<void>;
}

/** What the guest has. A promise that needs what is not there is skipped, and the skip says so. */
export interface ChannelFacilities {
  /** Real programs under a real kernel; false for the fake. */
  readonly kernel: boolean;
  readonly pty: boolean;
  /** A second connection reaches the same guest, also after the first has ended. */
  readonly reconnect: boolean;
  /** The host's /proc shows the guest's processes: the verdict on what lives comes from there. */
  readonly hostSeesProcesses: boolean;
}

export interface ChannelContractOptions {
  readonly name: string;
  readonly has: ChannelFacilities;
  /** How much the flood test sends. Default 512 MiB, or SOVEREIGN_FLOOD_MIB: 2,048 and more, for a night. */
  readonly floodBytes?: number;
  create(): Promise<ChannelSubject>;
}

/** What came of a command that ran to its end. */
export interface Ran {
  readonly exit: ExitStatus;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

type Command = Partial<ResolvedExec> & Pick<ResolvedExec, 'command'>;

/** The guest under test, one for a whole suite, with the words in which the tests speak of it. */
export class ChannelSuite {
  readonly has: ChannelFacilities;
  readonly floodBytes: number;
  #create: () => Promise<ChannelSubject>;
  #subject: ChannelSubject | undefined;
  #channel: GuestChannel | undefined;
  #lastDirectory = 0;

  constructor(options: ChannelContractOptions) {
    this.has = options.has;
    this.floodBytes = options.floodBytes ?? Number(process.env['SOVEREIGN_FLOOD_MIB'] ?? '512') * 1_048_576;
    this.#create = options.create;
    beforeAll(async () => {
      this.#subject = await options.create();
      this.#channel = await this.#subject.connect();
    });
    afterAll(async () => {
      await this.#channel?.close();
      await this.#subject?.dispose();
    });
  }

  get subject(): ChannelSubject {
    if (this.#subject === undefined) throw new Error('the guest did not come up');
    return this.#subject;
  }

  get channel(): GuestChannel {
    if (this.#channel === undefined) throw new Error('the channel did not open');
    return this.#channel;
  }

  /** A guest for one test, for promises about its first moments. */
  async fresh(body: (subject: ChannelSubject) => Promise<void>): Promise<void> {
    const subject = await this.#create();
    try {
      await body(subject);
    } finally {
      await subject.dispose();
    }
  }

  needs(context: TestContext, facility: keyof ChannelFacilities): void {
    if (!this.has[facility]) context.skip(`this guest has no ${facility}`);
  }

  /** Skips a test of a program that the guest lacks. */
  async needsProgram(context: TestContext, program: string): Promise<void> {
    this.needs(context, 'kernel');
    const { exit } = await this.run({ command: 'sh', args: ['-c', 'command -v "$1"', 'sh', program] });
    if (exit.exitCode !== 0) context.skip(`the guest has no ${program}`);
  }

  resolve(command: Command): ResolvedExec {
    return { cwd: this.subject.workspacePath, env: this.subject.env, ...command };
  }

  start(command: Command, channel: GuestChannel = this.channel): GuestProcess {
    return channel.exec(this.resolve(command));
  }

  async run(command: Command, channel: GuestChannel = this.channel): Promise<Ran> {
    return collect(this.start(command, channel));
  }

  async sh(script: string, options: Partial<ResolvedExec> = {}): Promise<Ran> {
    return this.run({ command: 'sh', args: ['-c', script], ...options });
  }

  /** A new empty directory inside. */
  async directory(): Promise<string> {
    this.#lastDirectory += 1;
    const path = `${this.subject.workspacePath}/contract-${process.pid}-${this.#lastDirectory}`;
    await this.channel.files.makeDirectory(path, { makeParents: true });
    return path;
  }

  /** How many processes with this text in their command line live: from outside where that can be seen. */
  async living(marker: string): Promise<number> {
    if (this.has.hostSeesProcesses) return (await hostProcessesNamed(marker)).length;
    // The text goes in by stdin: the command that looks for it does not carry it.
    const look = 'grep -aFl -f - /proc/[0-9]*/cmdline 2>/dev/null; true';
    const { stdout } = await this.sh(look, { stdin: Buffer.from(marker) });
    return stdout.toString().split('\n').filter(Boolean).length;
  }

  async untilLiving(marker: string, count: number): Promise<void> {
    await eventually(
      `${count} processes of ${marker} live`,
      async () => (await this.living(marker)) >= count,
    );
  }

  /** Kills must have reached everything when they are answered; a kernel needs a moment to show it. */
  async untilDead(marker: string): Promise<void> {
    await eventually(`no process of ${marker} lives`, async () => (await this.living(marker)) === 0, 2_000);
  }
}

/** Follows a process to its end. */
export async function collect(process: GuestProcess, deadlineMs = 60_000): Promise<Ran> {
  const pieces: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const follow = async (): Promise<Ran> => {
    for await (const { stream, data } of process) pieces[stream].push(Buffer.from(data));
    const exit = await process.exit;
    return { exit, stdout: Buffer.concat(pieces.stdout), stderr: Buffer.concat(pieces.stderr) };
  };
  return within('a command', follow(), deadlineMs);
}

/** Reads the output of a conversation piece by piece, as a person at a terminal does. */
export class Reader {
  readonly process: GuestProcess;
  readonly #iterator: AsyncIterator<{ readonly data: Uint8Array }>;
  #seen = '';

  constructor(process: GuestProcess) {
    this.process = process;
    this.#iterator = process[Symbol.asyncIterator]();
  }

  /** Everything read so far. */
  get seen(): string {
    return this.#seen;
  }

  /** Reads until `pattern` matches what came after the last match, and returns the match. */
  async until(pattern: RegExp, deadlineMs = 10_000): Promise<RegExpExecArray> {
    const look = async (): Promise<RegExpExecArray> => {
      for (;;) {
        const match = pattern.exec(this.#seen);
        if (match !== null) {
          this.#seen = this.#seen.slice(match.index + match[0].length);
          return match;
        }
        const next = await this.#iterator.next();
        if (next.done === true)
          throw new Error(`ended before ${String(pattern)}: ${JSON.stringify(this.#seen)}`);
        this.#seen += Buffer.from(next.value.data).toString('utf8');
      }
    };
    return within(`${String(pattern)} after ${JSON.stringify(this.#seen)}`, look(), deadlineMs);
  }

  /** Reads to the end. */
  async rest(): Promise<string> {
    const read = async (): Promise<string> => {
      for (;;) {
        const next = await this.#iterator.next();
        if (next.done === true) return this.#seen;
        this.#seen += Buffer.from(next.value.data).toString('utf8');
      }
    };
    return within('the end of the output', read(), 30_000);
  }

  type(text: string): Promise<void> {
    return this.process.write(Buffer.from(text));
  }
}
