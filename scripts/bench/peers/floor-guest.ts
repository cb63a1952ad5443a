import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connectGuestChannel, streamOfStdioPair } from '@sovereign/guest';
import { timed } from '../interleave.ts';

/** A launcher used by hand: what a sandbox would cost with nothing of ours around it but shelld. */
export interface FloorLaunch {
  launch(): FloorGuest;
  close(): Promise<void>;
}

/** Launch → first `true` answered, in milliseconds; then it is removed. */
export async function timeFloor(floor: FloorLaunch): Promise<number> {
  let guest: FloorGuest | undefined;
  try {
    return await timed(() => {
      guest = floor.launch();
      return guest.runTrue();
    });
  } finally {
    await guest?.remove();
  }
}

/** One guest of a floor: a launcher that executes shelld on its stdin and stdout. */
export class FloorGuest {
  readonly #ended: Promise<unknown>;
  readonly #channel: ReturnType<typeof connectGuestChannel>;
  #said = '';

  constructor(argv: readonly [string, ...string[]]) {
    const [command, ...args] = argv;
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#ended = once(child, 'exit').catch(() => undefined);
    child.stderr.on('data', (text: Buffer) => {
      this.#said = `${this.#said}${text.toString('utf8')}`.slice(0, 300);
    });
    this.#channel = connectGuestChannel(streamOfStdioPair({ input: child.stdout, output: child.stdin }));
  }

  async runTrue(): Promise<void> {
    const exec = { command: 'true', args: [], cwd: '/', env: ['PATH=/usr/bin:/bin'] };
    try {
      const { exitCode } = await this.#channel.exec(exec, () => undefined).exit;
      if (exitCode !== 0) throw new Error(`true: exit code ${exitCode}`);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)} ${this.#said.trim()}`);
    }
  }

  /** The launcher ends with its guest, whose shelld ends with its connection. */
  async remove(): Promise<void> {
    await this.#channel.close();
    await this.#ended;
  }
}
