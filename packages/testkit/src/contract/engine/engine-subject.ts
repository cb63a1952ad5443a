import { randomBytes } from 'node:crypto';
import type {
  ContainerEngine,
  EngineAbility,
  Guest,
  ImageRecord,
  SandboxSpec,
  VolumeMount,
} from '@sovereign/core';
import { testRootfs } from '../../archive/test-rootfs.ts';
import { BackendScene, environmentOf, type BackendContractOptions } from '../backend-subject.ts';
import { collect, type Ran } from '../channel/channel-subject.ts';

/** An engine as its contract suite is told of it. Abilities are declared by the engine itself (`lacks`). */
export interface EngineContractOptions extends BackendContractOptions {
  /** The file system under its volumes has quotas. */
  readonly hasQuotas: boolean;
  /** A program that builds Dockerfiles is installed. */
  readonly hasBuilder: boolean;
  /**
   * Makes an image of `archive` (an OCI archive) come up under a name that `pull` finds, and one under which nothing is.
   * Undefined: there is no registry for it here.
   */
  readonly publish?: (archive: Uint8Array) => Promise<Published>;
  /** The backend itself refuses a name twice. Default true; where not, only the runtime above it does. */
  readonly hasUniqueNames?: boolean;
  /** Every version of it loads pure OCI archives, and not only those that Docker's own engine writes. Default true. */
  readonly readsOci?: boolean;
  /** A container that was made without a network can be connected to one; where not, that is refused. Default true. */
  readonly connectsLater?: boolean;
  /** Time that a test may take. Default: that of the vitest project. */
  readonly timeoutMs?: number;
}

export interface Published {
  readonly reference: string;
  readonly missing: string;
  dispose(): Promise<void>;
}

/** One test of an engine: a scene of its backend, and names that no other test has. `dispose` removes what they name. */
export class EngineScene {
  readonly engine: ContainerEngine;
  readonly stage: BackendScene;
  readonly options: EngineContractOptions;
  /** Begins every name of this test. */
  readonly prefix: string;
  #names = 0;

  private constructor(options: EngineContractOptions, stage: BackendScene, engine: ContainerEngine) {
    this.options = options;
    this.stage = stage;
    this.engine = engine;
    this.prefix = `svt-${randomBytes(4).toString('hex')}`;
  }

  static async play(
    options: EngineContractOptions,
    act: (scene: EngineScene) => Promise<void>,
  ): Promise<void> {
    const stage = await BackendScene.open(options);
    const { engine } = stage.backend;
    if (engine === undefined) throw new Error(`backend ${stage.backend.name} has no engine`);
    const scene = new EngineScene(options, stage, engine);
    try {
      await act(scene);
    } finally {
      await scene.#dispose();
    }
  }

  lacks(ability: EngineAbility): boolean {
    return this.engine.lacks?.includes(ability) === true;
  }

  name(): string {
    this.#names += 1;
    return `${this.prefix}-${this.#names}`;
  }

  /** A tar of the root file system that images of this suite are made of. */
  rootfs(): Buffer {
    return testRootfs({ hasBusybox: this.options.hasKernel });
  }

  /** An image of this test. */
  async image(asked?: string): Promise<ImageRecord & { readonly name: string }> {
    const reference = asked ?? `${this.name()}:1`;
    const record = await this.engine.images.import(bytes(this.rootfs()), {
      reference,
      config: { env: { PATH: '/bin', FROM_IMAGE: 'yes' } },
    });
    return { ...record, name: reference };
  }

  spec(reference: string, overrides: Partial<SandboxSpec> = {}): SandboxSpec {
    return this.stage.spec({ image: { kind: 'reference', reference }, ...overrides });
  }

  /** A container that runs. */
  async started(reference: string, overrides: Partial<SandboxSpec> = {}): Promise<Guest> {
    return this.stage.backend.create(this.spec(reference, overrides));
  }

  mount(volume: string, guestPath = '/data', isReadOnly = false): VolumeMount {
    return { volume, guestPath, ...(isReadOnly && { isReadOnly }) };
  }

  /** stdout of one command. */
  async run(guest: Guest, command: string, ...args: readonly string[]): Promise<string> {
    return (await this.stage.run(guest, command, ...args)).stdout.toString();
  }

  async write(guest: Guest, path: string, content: string): Promise<Ran> {
    const channel = await this.stage.channel(guest);
    return collect(
      channel.exec({
        command: 'tee',
        args: [path],
        cwd: '/',
        env: environmentOf(guest),
        stdin: Buffer.from(content),
      }),
    );
  }

  async read(guest: Guest, path: string): Promise<string> {
    return this.run(guest, 'cat', path);
  }

  async #dispose(): Promise<void> {
    const { engine, stage } = this;
    for (const record of await stage.backend.list())
      await (await stage.backend.attach(record.id).catch(() => undefined))?.remove();
    if (!this.lacks('networks'))
      for (const { name } of await engine.networks.list())
        if (name.startsWith(this.prefix)) await engine.networks.remove(name);
    if (!this.lacks('volumes'))
      for (const { name } of await engine.volumes.list())
        if (name.startsWith(this.prefix)) await engine.volumes.remove(name);
    for (const { references } of await engine.images.list())
      for (const reference of references)
        if (reference.includes(this.prefix)) await engine.images.remove(reference);
    await stage.dispose();
  }
}

export async function* bytes(...pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  await Promise.resolve();
  yield* pieces;
}

export async function gathered(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

/** What a call is refused with when its ability is not declared. */
export const undeclared = { reason: 'capability.missing' } as const;
