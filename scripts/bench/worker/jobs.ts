import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { timed } from '../interleave.ts';
import { openOurs, type OurSandbox, type Ours } from '../ours.ts';
import { crunFloor } from '../peers/crun.ts';
import { timeFloor, type FloorLaunch } from '../peers/floor-guest.ts';
import { zeroesCommand } from '../peers/zeroes.ts';
import { timeCreate } from '../time-create.ts';
import { watchMemory } from './memory-watch.ts';
import type { Job, JobResult, WorkerInit } from './protocol.ts';

/** The jobs of one worker and what they keep open in between. */
export class Jobs {
  readonly #init: WorkerInit;
  readonly #ballast: readonly Buffer[];
  #ours: Promise<Ours> | undefined;
  #sandbox: Promise<OurSandbox> | undefined;
  #crun: FloorLaunch | undefined;

  constructor(init: WorkerInit) {
    this.#init = init;
    // Filled with something other than zero: untouched pages would cost a fork nothing.
    this.#ballast = Array.from({ length: init.ballastMiB }, () => Buffer.alloc(2 ** 20, 1));
  }

  async run(job: Job): Promise<JobResult> {
    switch (job.kind) {
      case 'ourStream':
        return this.#stream(job.bytes, await this.#consumeOurs(job.bytes));
      case 'pipeStream':
        return this.#stream(job.bytes, () => consumePipe(job.bytes));
      case 'quiltExec': {
        const sandbox = await this.#kept();
        return result(await timed(() => sandbox.run('true')));
      }
      case 'quiltCreate':
        return result(await timeCreate(await this.#open(), 'quilt'));
      case 'processCreate':
        return result(await timeCreate(await this.#open(), 'process'));
      case 'nodeSpawn':
        return result(await timed(spawnTrue));
      case 'crunCreate': {
        const crun = (this.#crun ??= crunFloor(this.#init.home));
        return result(await timeFloor(crun));
      }
    }
  }

  async close(): Promise<void> {
    // Used at the end, so that it is held until then.
    this.#ballast[0]?.fill(2);
    await this.#crun?.close();
    await (await this.#sandbox)?.remove();
    await (await this.#ours)?.close();
  }

  async #stream(bytes: number, consume: () => Promise<number>): Promise<JobResult> {
    const memory = watchMemory();
    const ms = await timed(async () => {
      const got = await consume();
      if (got !== bytes) throw new Error(`${got} bytes came (${bytes} expected)`);
    });
    return { value: bytes / 2 ** 30 / (ms / 1000), growthMiB: memory.growthMiB() };
  }

  async #consumeOurs(bytes: number): Promise<() => Promise<number>> {
    const sandbox = await this.#kept();
    const [command, ...args] = zeroesCommand(bytes);
    return () => sandbox.stream(command, args);
  }

  #kept(): Promise<OurSandbox> {
    this.#sandbox ??= this.#open().then((ours) => ours.create('quilt'));
    return this.#sandbox;
  }

  #open(): Promise<Ours> {
    this.#ours ??= openOurs(this.#init).then((opened) => {
      if (opened.ok) return opened.value;
      throw new Error(opened.reason);
    });
    return this.#ours;
  }
}

function result(milliseconds: number): JobResult {
  return { value: milliseconds, growthMiB: 0 };
}

async function spawnTrue(): Promise<void> {
  await once(spawn('true', { stdio: 'ignore' }), 'exit');
}

async function consumePipe(bytes: number): Promise<number> {
  const [command, ...args] = zeroesCommand(bytes);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let got = 0;
  for await (const chunk of child.stdout) got += (chunk as Buffer).length;
  return got;
}
