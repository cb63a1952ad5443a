import * as v from 'valibot';
import type { ByteStream } from '@sovereign/core';
import { connectUnixSocket } from '@sovereign/guest';
import { SovereignError } from '@sovereign/protocol';

/** Longest line that QEMU may send; its greeting and answers have hundreds of bytes. */
const maxLineBytes = 256 * 1024;

const messageSchema = v.union([
  v.object({
    QMP: v.object({
      version: v.object({
        qemu: v.object({ major: v.number(), minor: v.number(), micro: v.number() }),
        package: v.string(),
      }),
    }),
  }),
  v.object({ return: v.unknown(), id: v.exactOptional(v.number()) }),
  v.object({ error: v.object({ class: v.string(), desc: v.string() }), id: v.exactOptional(v.number()) }),
  v.object({ event: v.string(), data: v.exactOptional(v.unknown()) }),
]);

/** An event of the machine: `STOP`, `GUEST_PANICKED`, `MIGRATION` … with its data unread. */
export interface QmpEvent {
  readonly event: string;
  readonly data: unknown;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Expected {
  readonly matches: (event: QmpEvent) => boolean;
  readonly resolve: (event: QmpEvent) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A client of QEMU's machine protocol (docs/interop/qmp-spec.txt): one command at a time or several, answered by id. QEMU
 * serves one client at a time, so it is closed when its work is done.
 */
export class QmpClient {
  readonly #stream: ByteStream;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onEvent: (event: QmpEvent) => void;
  readonly #expected = new Set<Expected>();
  #greeted: (() => void) | undefined;
  #lastId = 0;
  #version = '';
  #failure: Error | undefined;

  private constructor(stream: ByteStream, onEvent: (event: QmpEvent) => void) {
    this.#stream = stream;
    this.#onEvent = onEvent;
  }

  /** `QEMU 7.2.22 (package)` */
  get version(): string {
    return this.#version;
  }

  /** @throws SovereignError `channel.closed` when nothing answers, `channel.protocol`, `channel.timeout` */
  static async connect(
    path: string,
    options: { readonly timeoutMs: number; readonly onEvent?: (event: QmpEvent) => void },
  ): Promise<QmpClient> {
    const client = new QmpClient(await connectUnixSocket(path), options.onEvent ?? (() => undefined));
    const greeted = new Promise<void>((resolve) => {
      client.#greeted = resolve;
    });
    const ended = client.#run();
    try {
      const ready = Promise.all([greeted, client.execute('qmp_capabilities')]);
      await within(options.timeoutMs, Promise.race([ready, ended]));
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** Sends a command and returns what QEMU returned, to be parsed by who asked. @throws SovereignError `internal` for a command that QEMU refuses */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = ++this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    const message = { execute: command, ...(args !== undefined && { arguments: args }), id };
    void this.#stream.write(Buffer.from(`${JSON.stringify(message)}\n`));
    return answer;
  }

  /**
   * The next event that matches. Ask before the command that brings it about.
   *
   * @throws SovereignError `channel.closed` when the monitor ends first, `channel.timeout`
   */
  async event(matches: (event: QmpEvent) => boolean, timeoutMs: number): Promise<QmpEvent> {
    if (this.#failure !== undefined) throw this.#failure;
    let expected: Expected | undefined;
    const happened = new Promise<QmpEvent>((resolve, reject) => {
      expected = { matches, resolve, reject };
      this.#expected.add(expected);
    });
    try {
      return await within(timeoutMs, happened);
    } finally {
      if (expected !== undefined) this.#expected.delete(expected);
    }
  }

  async close(): Promise<void> {
    this.#fail(ended('it was closed'));
    await this.#stream.close();
  }

  async #run(): Promise<void> {
    let rest = '';
    try {
      for await (const chunk of this.#stream) {
        const lines = (rest + Buffer.from(chunk).toString('utf8')).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > maxLineBytes) throw malformed('a line without an end');
        for (const line of lines) if (line.trim() !== '') this.#take(line);
      }
      this.#fail(ended('the machine has ended'));
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      await this.#stream.close();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #take(line: string): void {
    const parsed = v.safeParse(messageSchema, parseJson(line));
    if (!parsed.success) throw malformed(line.slice(0, 100));
    const message = parsed.output;
    if ('QMP' in message) {
      const { qemu, package: build } = message.QMP.version;
      this.#version = `QEMU ${qemu.major}.${qemu.minor}.${qemu.micro} ${build}`.slice(0, 200).trim();
      return this.#greeted?.();
    }
    if ('event' in message) return this.#tell({ event: message.event, data: message.data });
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id);
    if (message.id === undefined || waiting === undefined) throw malformed('an answer to nothing');
    this.#waiting.delete(message.id);
    if ('error' in message) waiting.reject(refused(message.error.desc));
    else waiting.resolve(message.return);
  }

  #tell(event: QmpEvent): void {
    for (const { matches, resolve } of this.#expected) if (matches(event)) resolve(event);
    this.#onEvent(event);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#expected) reject(this.#failure);
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

/**
 * Waits until a monitor that was just started is there, which is when its ports have their sockets too: the monitor's own
 * socket has been listening since before.
 *
 * @throws SovereignError `channel.closed` when it ends before, `channel.timeout`
 */
export async function awaitMonitor(path: string, timeoutMs: number): Promise<void> {
  await (await QmpClient.connect(path, { timeoutMs })).close();
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw malformed(line.slice(0, 100));
  }
}

async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new SovereignError({
          reason: 'channel.timeout',
          message: `QEMU did not answer within ${timeoutMs} ms.`,
          hint: 'Another client may hold its monitor; try again.',
          context: { timeoutMs },
        }),
      );
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function ended(why: string): SovereignError {
  return new SovereignError({
    reason: 'channel.closed',
    message: `The monitor of the machine answers no more: ${why}.`,
    hint: 'See whether the sandbox still runs: sovereign ps --all',
  });
}

function malformed(what: string): SovereignError {
  return new SovereignError({
    reason: 'channel.protocol',
    message: `QEMU's monitor sent what is not QMP: ${JSON.stringify(what)}.`,
    hint: 'Remove this sandbox; its machine monitor is not to be trusted.',
  });
}

function refused(description: string): SovereignError {
  return new SovereignError({
    reason: 'internal',
    message: `QEMU refused a command: ${description.slice(0, 500)}`,
    hint: 'Run `sovereign doctor`, and report this with its output.',
  });
}
