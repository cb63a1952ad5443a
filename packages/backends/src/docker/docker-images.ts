import { Readable } from 'node:stream';
import * as v from 'valibot';
import { SovereignError } from '@sovereign/protocol';
import type {
  BuildOptions,
  ImageCallOptions,
  ImageConfig,
  ImageLibrary,
  ImageProgress,
  ImageRecord,
  PullOptions,
} from '@sovereign/core';
import { buildContext } from './build-context.ts';
import { readAnswer } from './container-state.ts';
import type { EngineSearch } from './engine-address.ts';
import type { EngineClient } from './engine-client.ts';
import type { EngineFacts } from './engine-facts.ts';
import { EngineRefusal, meaningOf, type RefusalMeaning } from './engine-errors.ts';
import { imagePath } from './guest-image.ts';
import { imageChanges } from './image-changes.ts';
import { imageProgress } from './image-progress.ts';
import { normalReference, readImage, splitReference } from './image-record.ts';
import { buildFailed, checkReference, loadFailed, pullFailed, withoutDigest } from './image-errors.ts';
import { errorOfLine, progressLines } from './progress-lines.ts';
import { localRepository } from './sandbox-labels.ts';
import { registryAuth } from './registry-auth.ts';
import { importTar } from './tar-import.ts';

const summarySchema = v.array(
  v.object({ Id: v.string(), RepoTags: v.optional(v.nullable(v.array(v.string()))) }),
);
const maxLogLines = 40;

/** The images of an engine. Users of the engine share them: nothing here is only ours. */
export class DockerImages implements ImageLibrary {
  readonly #client: EngineClient;
  readonly #search: EngineSearch;
  readonly #facts: () => Promise<EngineFacts>;

  constructor(client: EngineClient, search: EngineSearch, facts: () => Promise<EngineFacts>) {
    this.#facts = facts;
    this.#client = client;
    this.#search = search;
  }

  async pull(reference: string, options: PullOptions = {}): Promise<ImageRecord> {
    const name = normalReference(reference);
    const { repository, tag } = splitReference(name);
    const auth = await registryAuth(repository, this.#search);
    const platform = options.platform;
    try {
      const response = await this.#client.stream({
        method: 'POST',
        path: '/images/create',
        query: { fromImage: repository, tag, ...(platform !== undefined && { platform }) },
        ...(auth !== undefined && { headers: { 'X-Registry-Auth': auth } }),
        ...(options.signal && { signal: options.signal }),
      });
      for await (const line of progressLines(response)) {
        const problem = errorOfLine(line);
        if (problem !== undefined) throw pullFailed(name, problem);
        tell(options, imageProgress(line, name));
      }
    } catch (error) {
      throw error instanceof EngineRefusal ? pullFailed(name, error.said) : error;
    }
    tell(options, { kind: 'done', reference: name });
    return this.inspect(name);
  }

  async build(options: BuildOptions): Promise<ImageRecord> {
    const name = withoutDigest(options.reference);
    const { dockerfile = 'Dockerfile', target, buildArgs } = options;
    const log: string[] = [];
    let step = '';
    try {
      const response = await this.#client.stream({
        method: 'POST',
        path: '/build',
        query: {
          t: name,
          dockerfile,
          rm: true,
          forcerm: true,
          ...(target !== undefined && { target }),
          ...(buildArgs && { buildargs: JSON.stringify(buildArgs) }),
        },
        headers: { 'Content-Type': 'application/x-tar' },
        file: await buildContext(options.contextPath, dockerfile),
        ...(options.signal && { signal: options.signal }),
      });
      for await (const line of progressLines(response)) {
        const text = line.stream?.trimEnd() ?? '';
        if (/^(Step|STEP) \d+\/\d+ ?:/.test(text)) step = text;
        if (text !== '') log.push(text);
        if (log.length > maxLogLines) log.shift();
        const problem = errorOfLine(line);
        if (problem !== undefined) throw buildFailed({ name, step, problem, log });
        tell(options, imageProgress(line, name));
      }
    } catch (error) {
      throw error instanceof EngineRefusal ? buildFailed({ name, step, problem: error.said, log }) : error;
    }
    const built = await this.inspect(name);
    tell(options, { kind: 'done', reference: name });
    return built;
  }

  /** Images that have a name. What is made of this host for image `host` and the like is not shown. */
  async list(): Promise<readonly ImageRecord[]> {
    const answer = await this.#client.json({ method: 'GET', path: '/images/json' });
    const shown = readAnswer(summarySchema, answer, 'the list of images').filter(({ RepoTags }) =>
      (RepoTags ?? []).some((tag) => !tag.includes('<none>') && !tag.startsWith(`${localRepository}/`)),
    );
    const found = await Promise.all(
      shown.map(({ Id }) =>
        this.inspect(Id).catch((error: unknown) => {
          // Removed while we looked.
          if (error instanceof SovereignError && error.reason === 'image.not-found') return undefined;
          throw error;
        }),
      ),
    );
    return found.filter((image) => image !== undefined);
  }

  async inspect(reference: string): Promise<ImageRecord> {
    checkReference(reference);
    try {
      return readImage(
        await this.#client.json({
          method: 'GET',
          path: `/images/${imagePath(normalReference(reference))}/json`,
        }),
      );
    } catch (error) {
      throw meaningOf(error, `Image ${reference.slice(0, 256)} could not be looked at`, notFound(reference));
    }
  }

  async remove(reference: string): Promise<void> {
    try {
      const path = `/images/${imagePath(normalReference(reference))}`;
      await this.#client.json({ method: 'DELETE', path });
    } catch (error) {
      throw meaningOf(error, `Image ${reference.slice(0, 256)} could not be removed`, [
        ...notFound(reference),
        { status: 409, reason: 'image.in-use', hint: 'Remove the sandboxes that are made of it first.' },
        {
          status: 500,
          says: /in use/,
          reason: 'image.in-use',
          hint: 'Remove the sandboxes that are made of it first.',
        },
      ]);
    }
  }

  async tag(reference: string, as: string): Promise<ImageRecord> {
    const { repository, tag } = splitReference(withoutDigest(as));
    try {
      const path = `/images/${imagePath(normalReference(reference))}/tag`;
      await this.#client.json({ method: 'POST', path, query: { repo: repository, tag } });
    } catch (error) {
      throw meaningOf(error, `Image ${reference.slice(0, 256)} could not be named ${as.slice(0, 256)}`, [
        ...notFound(reference),
        { status: 400, reason: 'image.invalid', hint: 'Give a name such as team/app:1.' },
      ]);
    }
    return this.inspect(as);
  }

  async load(
    archive: AsyncIterable<Uint8Array>,
    options: ImageCallOptions = {},
  ): Promise<readonly ImageRecord[]> {
    const names = new Set<string>();
    try {
      const response = await this.#client.stream({
        method: 'POST',
        path: '/images/load',
        query: { quiet: true },
        headers: { 'Content-Type': 'application/x-tar' },
        file: Readable.from(archive, { objectMode: false }),
        ...(options.signal && { signal: options.signal }),
      });
      for await (const line of progressLines(response)) {
        const problem = errorOfLine(line);
        if (problem !== undefined) throw loadFailed(problem);
        // Docker says one a line, Podman several with commas between.
        const said = /^Loaded image(?: ID|\(s\))?: (.+)$/m.exec(line.stream ?? '')?.[1];
        for (const name of said?.split(',') ?? []) names.add(name.trim());
      }
    } catch (error) {
      throw error instanceof EngineRefusal ? loadFailed(error.said) : error;
    }
    if (names.size === 0) throw loadFailed('no image is in it');
    return Promise.all([...names].map((name) => this.inspect(name)));
  }

  async *save(references: readonly string[]): AsyncGenerator<Uint8Array, undefined> {
    const names = references.map(normalReference);
    for (const name of names) await this.inspect(name);
    const response = await this.#client.stream({ method: 'GET', path: '/images/get', query: { names } });
    for await (const chunk of response) yield chunk as Uint8Array;
    return undefined;
  }

  async import(
    rootfs: AsyncIterable<Uint8Array>,
    options: ImageCallOptions & { readonly reference: string; readonly config?: Partial<ImageConfig> },
  ): Promise<ImageRecord> {
    const name = withoutDigest(options.reference);
    await importTar({
      client: this.#client,
      archive: Readable.from(rootfs, { objectMode: false }),
      reference: name,
      changes: imageChanges(options.config ?? {}, (await this.#facts()).product),
      what: 'the archive',
      ...(options.signal && { signal: options.signal }),
    });
    tell(options, { kind: 'done', reference: name });
    return this.inspect(name);
  }
}

function tell(options: ImageCallOptions, progress: ImageProgress | undefined): void {
  if (progress !== undefined) options.onProgress?.(progress);
}

function notFound(reference: string): readonly RefusalMeaning[] {
  const hint = `Pull it: sovereign images pull ${reference.slice(0, 256)}`;
  return [
    { status: 404, reason: 'image.not-found', hint },
    {
      status: 400,
      says: /invalid reference|parsing reference/,
      reason: 'image.invalid',
      hint: 'Give a name such as team/app:1.',
    },
  ];
}
