import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CpioArchive } from '@sovereign/microvm';
import type { Cleanup } from '../cleanup.ts';
import { findProgram } from './find-program.ts';

const mount = 'mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=mmap w /w';
const ready = 'ready by hand';
const answered = /answered (\d+)\r?\n/;

/** Reads commands from the console, one a line, and says how each has ended. */
const init = `#!/bin/busybox sh
export PATH=/bin
busybox mount -t devtmpfs devices /dev
busybox mkdir /w && busybox ${mount} && cd /w && echo ${ready}
while read -r line; do
  eval "$line" >/dev/null 2>&1
  echo answered $?
done
`;

export interface ByHand {
  /** A machine of ours, whose hardware this one has as well. */
  readonly monitorPid: number;
  readonly kernelPath: string;
  /** What it shares by 9p, as `/w`. */
  readonly workspace: string;
  readonly directory: string;
  readonly cleanup: Cleanup;
}

/**
 * The same kernel and the same machine as ours, started by hand: QEMU without a jail, busybox as init, and nothing in it
 * but one share. What the mechanism itself gives.
 */
export class MachineByHand {
  readonly #child: ChildProcessWithoutNullStreams;
  #said = '';
  #onText: () => void = () => undefined;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => {
        this.#said += text.toString('latin1');
        this.#onText();
      });
    }
    child.on('exit', () => this.#onText());
    child.stdin.on('error', () => undefined);
  }

  /** @throws Error without busybox, or when the machine does not come up */
  static async start({
    monitorPid,
    kernelPath,
    workspace,
    directory,
    cleanup,
  }: ByHand): Promise<MachineByHand> {
    mkdirSync(directory);
    const initrd = join(directory, 'initrd');
    writeFileSync(initrd, initialRoot());
    const [qemu = '', ...options] = readFileSync(`/proc/${monitorPid}/cmdline`, 'latin1').split('\0');
    const same = ['-M', '-accel', '-cpu', '-m', '-smp', '-object', '-append'].flatMap((name) => {
      const value = options[options.indexOf(name) + 1];
      return options.includes(name) && value !== undefined ? [name, value] : [];
    });
    const child = spawn(
      qemu,
      [
        ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', ...same],
        ...['-kernel', kernelPath, '-initrd', initrd, '-chardev', 'stdio,id=console,signal=off'],
        ...['-serial', 'chardev:console', '-device', 'virtio-9p-device,fsdev=w,mount_tag=w'],
        ...['-fsdev', `local,id=w,path=${workspace},security_model=passthrough,multidevs=remap`],
      ],
      { stdio: 'pipe' },
    );
    cleanup.defer(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    const machine = new MachineByHand(child);
    await machine.#until(() => machine.#said.includes(ready));
    return machine;
  }

  /** @throws Error when it does not end with 0 */
  async run(command: string): Promise<void> {
    this.#said = '';
    this.#child.stdin.write(`${command}\n`);
    await this.#until(() => answered.test(this.#said));
    const code = answered.exec(this.#said)?.[1];
    if (code !== '0') throw new Error(`by hand: exit code ${code}: ${command}`);
  }

  async #until(isSaid: () => boolean): Promise<void> {
    while (!isSaid()) {
      const { exitCode, signalCode } = this.#child;
      if (exitCode !== null || signalCode !== null)
        throw new Error(`The machine by hand has ended: ${this.#said.trim().slice(-300)}`);
      await new Promise<void>((resolve) => {
        this.#onText = resolve;
      });
    }
  }
}

function initialRoot(): Buffer {
  const busybox = findProgram('busybox');
  if (busybox === undefined) throw new Error('busybox is not installed');
  return new CpioArchive()
    .directory('dev')
    .consoleDevice('dev/console')
    .directory('bin')
    .file('bin/busybox', readFileSync(busybox), true)
    .file('init', Buffer.from(init), true)
    .bytes();
}
