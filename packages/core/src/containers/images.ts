import { isAbsolute } from 'node:path';
import type { Action } from '../contract/action.ts';
import type {
  BuildOptions,
  ImageCallOptions,
  ImageConfig,
  ImageRecord,
  PullOptions,
} from '../contract/images.ts';
import type { OutcomeFacts } from '../runtime/action-path.ts';
import { checkNonEmpty, checkObject, invalid } from '../runtime/argument-checks.ts';
import type { RequestedTier } from '../selection/select-backend.ts';
import type { ContainerHost } from './container-host.ts';
import { requireAbility, type ChosenEngine } from './engine-choice.ts';
import { hostArchive, type ArchiveSource } from './host-archive.ts';

/** Which engine a call is meant for: a backend or a tier by name. Default: the one a sandbox with an image would be made on. */
export interface EngineOption {
  readonly engine?: RequestedTier;
}

const maxReferenceChars = 512;

/** Images of the container engines, each operation an action. */
export class Images {
  readonly #host: ContainerHost;

  constructor(host: ContainerHost) {
    this.#host = host;
  }

  /**
   * Fetches an image from its registry, verified against its digests.
   *
   * @throws SovereignError `image.pull-failed`, `image.denied`, `image.not-found`, `image.corrupt`
   */
  async pull(reference: string, options: PullOptions & EngineOption = {}): Promise<ImageRecord> {
    checkReference('reference', reference);
    const { engine, ...call } = options;
    const chosen = await this.#host.engines.pick(engine);
    return this.#perform(
      chosen,
      { kind: 'image.pull', reference, platform: options.platform ?? null },
      () => chosen.engine.images.pull(reference, call),
      imageFacts,
    );
  }

  /** Builds an image of a Dockerfile. @throws SovereignError `image.build-failed`, `image.builder-missing` */
  async build(options: BuildOptions & EngineOption): Promise<ImageRecord> {
    checkObject('options', options);
    checkReference('reference', options.reference);
    checkNonEmpty('contextPath', options.contextPath);
    if (!isAbsolute(options.contextPath))
      throw invalid('contextPath', options.contextPath, 'an absolute path');
    const { engine, ...call } = options;
    const chosen = await this.#host.engines.pick(engine);
    requireAbility(chosen, 'build');
    const action = {
      kind: 'image.build',
      context: options.contextPath,
      dockerfile: options.dockerfile ?? 'Dockerfile',
      reference: options.reference,
    } as const;
    return this.#perform(chosen, action, () => chosen.engine.images.build(call), imageFacts);
  }

  async list(options: EngineOption = {}): Promise<readonly ImageRecord[]> {
    const chosen = await this.#host.engines.pick(options.engine);
    return this.#perform(
      chosen,
      { kind: 'image.list' },
      () => chosen.engine.images.list(),
      (images) => ({ images: images.length }),
    );
  }

  /** @throws SovereignError `image.not-found` */
  async inspect(reference: string, options: EngineOption = {}): Promise<ImageRecord> {
    checkReference('reference', reference);
    const chosen = await this.#host.engines.pick(options.engine);
    return this.#perform(chosen, { kind: 'image.inspect', reference }, () =>
      chosen.engine.images.inspect(reference),
    );
  }

  /** Takes the name away, and the image with its last name. @throws SovereignError `image.in-use`, `image.not-found` */
  async remove(reference: string, options: EngineOption = {}): Promise<void> {
    checkReference('reference', reference);
    const chosen = await this.#host.engines.pick(options.engine);
    return this.#perform(chosen, { kind: 'image.remove', reference }, () =>
      chosen.engine.images.remove(reference),
    );
  }

  /** Gives an image one more name. @throws SovereignError `image.not-found` */
  async tag(reference: string, as: string, options: EngineOption = {}): Promise<ImageRecord> {
    checkReference('reference', reference);
    checkReference('as', as);
    const chosen = await this.#host.engines.pick(options.engine);
    return this.#perform(chosen, { kind: 'image.tag', reference, as }, () =>
      chosen.engine.images.tag(reference, as),
    );
  }

  /**
   * Reads a docker or OCI archive: an absolute path on the host, or its bytes.
   *
   * @throws SovereignError `image.corrupt`, `image.invalid`
   */
  async load(
    archive: ArchiveSource,
    options: ImageCallOptions & EngineOption = {},
  ): Promise<readonly ImageRecord[]> {
    const { engine, ...call } = options;
    const { path, bytes } = hostArchive(archive);
    const chosen = await this.#host.engines.pick(engine);
    return this.#perform(
      chosen,
      { kind: 'image.load', path, references: [] },
      () => chosen.engine.images.load(bytes(), call),
      (images) => ({ images: images.length, digests: images.map(({ digest }) => digest).join(' ') }),
    );
  }

  /**
   * An OCI archive that Docker reads too. The action begins with the iteration and ends with it.
   *
   * @throws SovereignError `image.not-found`
   */
  async *save(
    references: readonly string[],
    options: EngineOption & { readonly path?: string } = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const given: unknown = references;
    if (!Array.isArray(given) || given.length === 0 || given.length > 64)
      throw invalid('references', given, 'a list of 1 to 64 names of images');
    for (const reference of references) checkReference('references', reference);
    const chosen = await this.#host.engines.pick(options.engine);
    const action = { kind: 'image.save', path: options.path ?? '-', references } as const;
    const begun = this.#host.actions.begin(action, chosen.runtime);
    let bytes = 0;
    let isSettled = false;
    try {
      for await (const chunk of chosen.engine.images.save(references)) {
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

  /** Makes an image of one layer of a tar of a root file system: an absolute path on the host, or its bytes. */
  async import(
    rootfs: ArchiveSource,
    options: ImageCallOptions &
      EngineOption & { readonly reference: string; readonly config?: Partial<ImageConfig> },
  ): Promise<ImageRecord> {
    checkObject('options', options);
    checkReference('reference', options.reference);
    const { engine, ...call } = options;
    const { path, bytes } = hostArchive(rootfs);
    const chosen = await this.#host.engines.pick(engine);
    return this.#perform(
      chosen,
      { kind: 'image.import', path, reference: options.reference },
      () => chosen.engine.images.import(bytes(), call),
      imageFacts,
    );
  }

  #perform<T>(
    chosen: ChosenEngine,
    action: Action,
    run: () => Promise<T>,
    facts?: (result: T) => OutcomeFacts,
  ): Promise<T> {
    return this.#host.actions.perform({ action, runtime: chosen.runtime, ...(facts && { facts }) }, run);
  }
}

/** What of an image enters the ledger. */
export function imageFacts({ digest, bytes }: ImageRecord): OutcomeFacts {
  return { digest, bytes };
}

/** Its grammar is the library's to judge; here it is only bounded. */
export function checkReference(name: string, reference: string): void {
  checkNonEmpty(name, reference);
  if (reference.length > maxReferenceChars)
    throw invalid(name, reference, `at most ${maxReferenceChars} characters`);
}
