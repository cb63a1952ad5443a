import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ByteStream } from '@sovereign/core';
import { guestPaths, innerSocketPath, keptCapabilities, relayCommand } from '@sovereign/guest';
import { openExecStream } from './exec-stream.ts';
import type { SandboxProgram } from './sandbox-program.ts';

/** A guest to which nobody has connected by then ends. */
const acceptTimeoutMs = 60_000;
const pidPath = '/run/sovereign/shelld.pid';
const logPath = '/run/sovereign/shelld.log';
/** Ten looks a second, inside: far above the milliseconds of shelld, for a machine that swaps. */
const maxLooks = 200;

/**
 * How a guest of Docker Sandboxes is reached: as one on a container engine elsewhere (ADR 0010). shelld goes in through
 * the program before every start, an exec that outlives us runs it and keeps the machine from being stopped as idle, and
 * each connection is an exec of `shelld relay`.
 */
export class GuestDoor {
  readonly #program: SandboxProgram;
  readonly #name: string;

  constructor(program: SandboxProgram, name: string) {
    this.#program = program;
    this.#name = name;
  }

  /**
   * Puts shelld in, runs it and waits until it listens.
   *
   * SAFETY: put in anew before every start, since the guest's root may have replaced it while it ran. What a guest then
   * does with it is done in its own machine.
   *
   * @throws SovereignError `engine.failed`, `engine.unavailable`, `operation.cancelled`
   */
  async open(shelldPath: string, signal: AbortSignal | undefined): Promise<void> {
    const stdin = readFileSync(shelldPath);
    const put = ['/bin/sh', '-c', putScript, 'sh', guestPaths.shelld];
    await this.#program.exec('shelld could not be put into the sandbox', this.#name, put, { stdin, signal });
    this.#serve();
    const wait = ['/bin/sh', '-c', waitScript];
    await this.#program.exec('The guest did not come up', this.#name, wait, { signal });
  }

  connect(): ByteStream {
    const { path, env, lines } = this.#program;
    const argv = lines.exec({ name: this.#name, argv: relayCommand, isInteractive: true });
    return openExecStream({ path, argv, env });
  }

  /** Asks everything in the guest to end, and waits at most `graceMs` for it. */
  async farewell(graceMs: number): Promise<void> {
    const argv = ['/bin/sh', '-c', farewellScript, 'sh', String(Math.ceil(graceMs / 100))];
    await this.#program.exec('The guest was not asked to end', this.#name, argv, { extraMs: graceMs });
  }

  /** Nothing of ours reads what it prints: a guest that floods it costs nobody anything. */
  #serve(): void {
    const { path, env, lines } = this.#program;
    const argv = ['/bin/sh', '-c', serveScript, guestPaths.shelld, ...serveArguments];
    const child = spawn(path, lines.exec({ name: this.#name, argv }), {
      env,
      cwd: '/',
      stdio: 'ignore',
      detached: true,
    });
    // That it did not start is found by whoever waits for shelld.
    child.on('error', () => undefined);
    child.unref();
  }
}

const serveArguments: readonly string[] = [
  'serve',
  ...['--root', '/', '--hosts', guestPaths.hosts, '--listen-private', innerSocketPath],
  ...['--accept-timeout-ms', String(acceptTimeoutMs), '--seccomp'],
  ...keptCapabilities.flatMap((name) => ['--keep-capability', name]),
];

/** Whole or not at all; what an earlier start has left is cleared away. */
const putScript = `set -e
directory=$(dirname "$1")
mkdir -p "$directory"
rm -rf "$1" "$1.new" ${innerSocketPath} ${pidPath} ${logPath}
cat > "$1.new"
chmod 755 "$1.new"
mv "$1.new" "$1"`;

const serveScript = `echo $$ > ${pidPath}
exec "$0" "$@" > ${logPath} 2>&1`;

const waitScript = `looks=0
until [ -S ${innerSocketPath} ]; do
  looks=$((looks + 1))
  if [ $looks -gt ${maxLooks} ]; then
    echo "shelld does not listen: $(head -c 1000 ${logPath})" >&2
    exit 1
  fi
  if [ -s ${pidPath} ] && ! kill -0 "$(cat ${pidPath})" 2>/dev/null; then
    echo "shelld ended before it listened: $(head -c 1000 ${logPath})" >&2
    exit 1
  fi
  sleep 0.1
done`;

const farewellScript = `pid=$(cat ${pidPath}) || exit 0
kill -TERM "$pid" 2>/dev/null || exit 0
looks=0
while kill -0 "$pid" 2>/dev/null && [ $looks -lt "$1" ]; do
  looks=$((looks + 1))
  sleep 0.1
done`;
