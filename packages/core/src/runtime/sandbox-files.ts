import { channelLimits } from '@sovereign/protocol';
import type { Action } from '../contract/action.ts';
import type { FileChange, FileInfo, GuestFiles, ListPage, WriteOptions } from '../contract/files.ts';
import type { OutcomeFacts } from './action-path.ts';
import { checkNonEmpty, checkWhole, invalid, tooLarge } from './argument-checks.ts';
import type { LiveSandbox } from './live-sandbox.ts';
import { resolvePath } from './prepare-exec.ts';

const maxOffset = Number.MAX_SAFE_INTEGER;

/** Files of a sandbox, each operation an action. A relative path is meant from the workspace. */
export class SandboxFiles implements GuestFiles {
  readonly #live: LiveSandbox;

  constructor(live: LiveSandbox) {
    this.#live = live;
  }

  /** The action begins with the iteration and ends with it; its outcome says how many bytes were read. */
  async *read(
    path: string,
    range: { readonly offset?: number; readonly length?: number } = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const at = this.#path(path);
    if (range.offset !== undefined) checkWhole('offset', range.offset, { min: 0, max: maxOffset });
    if (range.length !== undefined) checkWhole('length', range.length, { min: 1, max: maxOffset });
    const files = await this.#files();
    const begun = this.#live.actions.begin(
      { kind: 'file.read', sandbox: this.#live.id, path: at },
      this.#live.report,
    );
    let bytes = 0;
    let isSettled = false;
    try {
      for await (const chunk of files.read(at, range)) {
        bytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      isSettled = true;
      throw begun.fail(error);
    } finally {
      if (!isSettled) begun.succeed({ bytes });
    }
  }

  async write(
    path: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: WriteOptions = {},
  ): Promise<FileInfo> {
    const at = this.#path(path);
    checkMode(options.mode);
    const isBytes = content instanceof Uint8Array;
    checkContent(content);
    const action = {
      kind: 'file.write',
      sandbox: this.#live.id,
      path: at,
      bytes: isBytes ? content.length : 'stream',
      isExclusive: options.isExclusive === true,
      isAppend: options.isAppend === true,
    } as const;
    return this.#perform(
      action,
      (files) => files.write(at, content, options),
      (info) => ({ size: info.size }),
    );
  }

  async stat(path: string, options: { readonly noFollow?: boolean } = {}): Promise<FileInfo> {
    const at = this.#path(path);
    return this.#perform({ kind: 'file.stat', sandbox: this.#live.id, path: at }, (files) =>
      files.stat(at, options),
    );
  }

  async list(
    path: string,
    page: { readonly offset?: number; readonly limit?: number } = {},
  ): Promise<ListPage> {
    const at = this.#path(path);
    if (page.offset !== undefined) checkWhole('offset', page.offset, { min: 0, max: 0xffff_ffff });
    if (page.limit !== undefined)
      checkWhole('limit', page.limit, { min: 1, max: channelLimits.maxListedEntries });
    const action = { kind: 'file.list', sandbox: this.#live.id, path: at } as const;
    return this.#perform(
      action,
      (files) => files.list(at, page),
      (listed) => ({ entries: listed.entries.length, total: listed.total }),
    );
  }

  async makeDirectory(
    path: string,
    options: { readonly mode?: number; readonly makeParents?: boolean } = {},
  ): Promise<void> {
    const at = this.#path(path);
    checkMode(options.mode);
    return this.#perform({ kind: 'file.makeDirectory', sandbox: this.#live.id, path: at }, (files) =>
      files.makeDirectory(at, options),
    );
  }

  async rename(from: string, to: string, options: { readonly isExclusive?: boolean } = {}): Promise<void> {
    const path = this.#path(from);
    const target = this.#path(to);
    return this.#perform({ kind: 'file.rename', sandbox: this.#live.id, path, to: target }, (files) =>
      files.rename(path, target, options),
    );
  }

  async remove(
    path: string,
    options: { readonly isRecursive?: boolean } = {},
  ): Promise<{ readonly removed: number }> {
    const at = this.#path(path);
    const action = {
      kind: 'file.remove',
      sandbox: this.#live.id,
      path: at,
      isRecursive: options.isRecursive === true,
    } as const;
    return this.#perform(
      action,
      (files) => files.remove(at, options),
      ({ removed }) => ({ removed }),
    );
  }

  /** The action is over when the watch is set: what follows is news and nothing that is done. */
  async watch(path: string, signal?: AbortSignal): Promise<AsyncIterable<FileChange>> {
    const at = this.#path(path);
    return this.#perform({ kind: 'file.watch', sandbox: this.#live.id, path: at }, (files) =>
      files.watch(at, signal),
    );
  }

  async #perform<T>(
    action: Action,
    run: (files: GuestFiles) => Promise<T>,
    facts?: (result: T) => OutcomeFacts,
  ): Promise<T> {
    const files = await this.#files();
    return this.#live.actions.perform({ action, runtime: this.#live.report, ...(facts && { facts }) }, () =>
      run(files),
    );
  }

  async #files(): Promise<GuestFiles> {
    return (await this.#live.channels.get()).files;
  }

  #path(path: string): string {
    checkNonEmpty('path', path);
    const resolved = resolvePath(this.#live.workspacePath, path);
    if (Buffer.byteLength(resolved) > channelLimits.maxPathBytes)
      throw tooLarge('path', `${Buffer.byteLength(resolved)} bytes`, `at most ${channelLimits.maxPathBytes}`);
    return resolved;
  }
}

/** A caller without types may pass anything, a string first of all. */
function checkContent(content: unknown): void {
  if (content instanceof Uint8Array) return;
  if (typeof content === 'object' && content !== null && Symbol.asyncIterator in content) return;
  throw invalid('content', content, 'bytes or an async iterable of bytes');
}

function checkMode(mode: number | undefined): void {
  if (mode !== undefined) checkWhole('mode', mode, { min: 0, max: 0o7777 });
}
