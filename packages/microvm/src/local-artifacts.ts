import { createReadStream, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ImageSpec } from '@sovereign/core';
import { prepareHostRoot } from '@sovereign/guest';
import { defaultLayerLimits, flattenLayers } from '@sovereign/images';
import { SovereignError } from '@sovereign/protocol';
import { ArtifactStore, type MadeArtifact, type MakeArtifact } from './artifact-store.ts';
import type { Artifact, BuildCall, LayeredRoot, MicrovmArtifacts, RootImage } from './artifacts.ts';
import { buildKernel, kernelKey, type KernelPipeline } from './build-kernel.ts';
import { digestOfFile, keyOf } from './content-digest.ts';
import { CpioArchive } from './cpio-archive.ts';
import { layeredRootKey, layoutVersion } from './layered-root-key.ts';
import { checkKernelImage, kernelMissing } from './kernel-image.ts';
import {
  checkRootDirectory,
  checkTar,
  fingerprintOf,
  invalidImage,
  packDirectory,
  packTar,
} from './root-image.ts';
import { runStep } from './run-step.ts';

export interface LocalArtifactsOptions {
  /** Directory of images of this user; artifacts get one of their own in it. */
  readonly imageDirectory: string;
  readonly shelldPath: string;
  /** Directory that holds the Python package `apts`. */
  readonly pythonPath?: string;
  /** A kernel to boot as it is. Default: the one that the pipeline builds. */
  readonly kernelPath?: string;
  /** Default: `SOVEREIGN_MICROVM` of the environment when it is set, else `images/microvm` of this build. */
  readonly pipeline?: KernelPipeline;
}

function ownPipeline(): string {
  const named = process.env['SOVEREIGN_MICROVM'];
  if (named !== undefined && named !== '') return named;
  return join(import.meta.dirname, '../../../images/microvm');
}

/** Artifacts built on this host and kept in a directory of this user. */
export class LocalArtifacts implements MicrovmArtifacts {
  readonly store: ArtifactStore;
  readonly #options: LocalArtifactsOptions;
  readonly #pipeline: KernelPipeline;
  readonly #making = new Map<string, Promise<Artifact>>();

  constructor(options: LocalArtifactsOptions) {
    this.#options = options;
    this.store = new ArtifactStore(join(options.imageDirectory, 'microvm'));
    this.#pipeline = options.pipeline ?? { directory: ownPipeline() };
  }

  async kernel(): Promise<Artifact> {
    const own = this.#options.kernelPath;
    if (own !== undefined) {
      checkKernelImage(own);
      // Into the store, which is all that a machine monitor gets to see.
      const info = statSync(own);
      return this.#once('kernel', keyOf(own, `${info.ino} ${info.size} ${info.mtimeMs}`), async (path) => {
        writeFileSync(path, readFileSync(own));
        return Promise.resolve(undefined);
      });
    }
    const found = this.store.find('kernel', kernelKey(this.#pipeline));
    if (found === undefined) throw kernelMissing(join(this.store.path, 'kernel'));
    checkKernelImage(found.path);
    return found;
  }

  async buildKernel(call: BuildCall = {}): Promise<Artifact> {
    const key = kernelKey(this.#pipeline);
    const work = join(this.store.path, 'work');
    const make = async (path: string): Promise<undefined> => {
      await buildKernel(this.#pipeline, work, path, call);
      return undefined;
    };
    return this.#once('kernel', key, make, call.signal);
  }

  initrd(): Promise<Artifact> {
    const { shelldPath, pythonPath } = this.#options;
    if (!existsSync(shelldPath)) throw shelldMissing(shelldPath);
    const archive = new CpioArchive()
      .directory('dev')
      .directory('proc')
      .consoleDevice('dev/console')
      .directory('sovereign')
      .file('sovereign/shelld', readFileSync(shelldPath), true)
      .link('init', 'sovereign/shelld');
    if (pythonPath !== undefined) archive.tree('sovereign/python', pythonPath);
    const bytes = archive.bytes();
    return this.#once('initrd', keyOf(bytes), (path) => {
      writeFileSync(path, bytes);
      return Promise.resolve(undefined);
    });
  }

  async rootImage(image: ImageSpec, call: BuildCall = {}): Promise<RootImage> {
    const step = { ...(call.signal !== undefined && { signal: call.signal }) };
    switch (image.kind) {
      case 'host': {
        const host = prepareHostRoot(this.#options.imageDirectory);
        const key = keyOf(layoutVersion, 'host', basename(host.path));
        const base = await this.#once(
          'root',
          key,
          (path) => packDirectory(host.path, path, step),
          call.signal,
        );
        return { base, shared: host.mounts.map(({ source, target }) => ({ source, target })) };
      }
      case 'rootfs': {
        const root = checkRootDirectory(image.path);
        const key = keyOf(layoutVersion, 'rootfs', fingerprintOf(root));
        call.onProgress?.({ step: 'rootfs', text: `packing ${root}` });
        return {
          base: await this.#once('root', key, (path) => packDirectory(root, path, step), call.signal),
          shared: [],
        };
      }
      case 'tar': {
        const archive = checkTar(image.path);
        const key = keyOf(layoutVersion, 'tar', await digestOfFile(archive));
        const tar = (): AsyncIterable<Uint8Array> =>
          flattenLayers({
            layers: [{ open: () => createReadStream(archive, { highWaterMark: 1024 * 1024 }) }],
            limits: defaultLayerLimits,
            directory: this.store.path,
          });
        const root = this.#packed({ key }, tar, archive, call);
        return root.catch((error: unknown) => {
          const isRefused =
            error instanceof SovereignError &&
            ['microvm.build-failed', 'image.corrupt'].includes(error.reason);
          throw isRefused ? invalidImage(archive, error.message) : error;
        });
      }
      case 'reference':
        throw imageNotFound(image.reference);
    }
  }

  /**
   * Packed once for each `rootDigest`.
   *
   * @throws SovereignError `microvm.build-failed`, `microvm.kernel-invalid` (cut short), what the tar throws
   */
  layeredRoot({ rootDigest, tar, name }: LayeredRoot, call: BuildCall = {}): Promise<RootImage> {
    return this.#packed({ key: layeredRootKey(rootDigest), of: 'layers' }, tar, name, call);
  }

  emptyDisk(bytes: number): Promise<Artifact> {
    return this.#once('disk', keyOf(layoutVersion, String(bytes)), async (path) => {
      writeFileSync(path, '');
      await runStep(['truncate', '-s', String(bytes), path]);
      await runStep(
        [
          ...['mke2fs', '-q', '-F', '-t', 'ext4', '-J', 'size=8', '-m', '0', '-L', 'sovereign'],
          ...['-E', 'lazy_itable_init=1,nodiscard,hash_seed=00000000-0000-4000-8000-000000000001'],
          ...['-U', '00000000-0000-4000-8000-000000000002', path],
        ],
        { env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, E2FSPROGS_FAKE_TIME: '1' } },
      );
      // What follows is zeros and tables that follow from the front; reading gigabytes of them says nothing more.
      return { frontBytes: 1024 * 1024 };
    });
  }

  async #packed(
    { key, of }: { readonly key: string; readonly of?: 'layers' },
    tar: () => AsyncIterable<Uint8Array>,
    name: string,
    { signal, onProgress }: BuildCall,
  ): Promise<RootImage> {
    const step = { ...(signal !== undefined && { signal }) };
    const pack = async (path: string): Promise<MadeArtifact> => {
      onProgress?.({ step: 'rootfs', text: `packing ${name}` });
      await packTar(tar(), path, step);
      return of === undefined ? {} : { of };
    };
    return { base: await this.#once('root', key, pack, signal), shared: [] };
  }

  /** The same artifact is made once at a time in this process. Who waits for another's is not cancelled with that one. */
  async #once(kind: string, key: string, make: MakeArtifact, signal?: AbortSignal): Promise<Artifact> {
    const name = `${kind}/${key}`;
    for (;;) {
      const making = this.#making.get(name);
      if (making === undefined) break;
      const made = await making.catch((error: unknown) => {
        if (!isCancelled(error) || signal?.aborted === true) throw error;
      });
      if (made !== undefined) return made;
    }
    const made = this.store.findOrMake(kind, key, make, signal).finally(() => this.#making.delete(name));
    this.#making.set(name, made);
    return made;
  }
}

function isCancelled(error: unknown): boolean {
  return error instanceof SovereignError && error.reason === 'operation.cancelled';
}

function shelldMissing(path: string): SovereignError {
  return new SovereignError({
    reason: 'shelld.missing',
    message: `The guest daemon was not built: ${path}.`,
    hint: 'Run: npm run build:shelld',
    context: { path },
  });
}

function imageNotFound(reference: string): SovereignError {
  return new SovereignError({
    reason: 'image.not-found',
    message: `No image has the name ${JSON.stringify(reference)}.`,
    hint: `Pull it: sovereign images pull ${reference}`,
    context: { reference },
  });
}
