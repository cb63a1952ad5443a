import type { Action } from '../contract/action.ts';
import type { VolumeRecord } from '../contract/container-engine.ts';
import { checkWhole } from '../runtime/argument-checks.ts';
import { checkGuestPath, checkResourceName } from '../runtime/create-options.ts';
import type { ContainerHost } from './container-host.ts';
import { engineOf, requireAbility, type ChosenEngine } from './engine-choice.ts';
import type { EngineOption } from './images.ts';

export interface CreateVolumeOptions extends EngineOption {
  /** Quota. Default: none. @throws SovereignError `limit.unsupported` where the file system has no quotas */
  readonly sizeBytes?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Named directories that outlive the containers they are attached to, each operation an action. */
export class Volumes {
  readonly #host: ContainerHost;

  constructor(host: ContainerHost) {
    this.#host = host;
  }

  /** @throws SovereignError `volume.exists`, `limit.unsupported` */
  async create(name: string, options: CreateVolumeOptions = {}): Promise<VolumeRecord> {
    checkResourceName('volume', name);
    const { engine, ...call } = options;
    const { sizeBytes } = options;
    if (sizeBytes !== undefined)
      checkWhole('sizeBytes', sizeBytes, { min: 4_096, max: Number.MAX_SAFE_INTEGER });
    const chosen = await this.#pick(engine);
    const action = { kind: 'volume.create', volume: name, sizeBytes: sizeBytes ?? null } as const;
    return this.#perform(chosen, action, () => chosen.engine.volumes.create(name, call));
  }

  /** @throws SovereignError `volume.not-found` */
  async inspect(name: string, options: EngineOption = {}): Promise<VolumeRecord> {
    checkResourceName('volume', name);
    const chosen = await this.#pick(options.engine);
    return this.#perform(chosen, { kind: 'volume.inspect', volume: name }, () =>
      chosen.engine.volumes.inspect(name),
    );
  }

  async list(options: EngineOption = {}): Promise<readonly VolumeRecord[]> {
    const chosen = await this.#pick(options.engine);
    return this.#perform(chosen, { kind: 'volume.list' }, () => chosen.engine.volumes.list());
  }

  /** @throws SovereignError `volume.not-found`, `volume.in-use` */
  async remove(name: string, options: EngineOption = {}): Promise<void> {
    checkResourceName('volume', name);
    const chosen = await this.#pick(options.engine);
    return this.#perform(chosen, { kind: 'volume.remove', volume: name }, () =>
      chosen.engine.volumes.remove(name),
    );
  }

  /**
   * Mounts a volume in a container, by its id or name.
   *
   * @throws SovereignError `volume.not-found`, `capability.missing` where only a stopped container takes one
   */
  async attach(
    container: string,
    mount: { readonly volume: string; readonly path: string; readonly isReadOnly?: boolean },
  ): Promise<void> {
    checkResourceName('volume', mount.volume);
    checkGuestPath('path', mount.path);
    const { guest, backend } = await this.#host.find(container);
    const chosen = this.#required(engineOf(backend));
    const { volume, path } = mount;
    const isReadOnly = mount.isReadOnly === true;
    const action = { kind: 'volume.attach', sandbox: guest.id, volume, path, isReadOnly } as const;
    return this.#perform(chosen, action, () =>
      chosen.engine.volumes.attach(guest.id, { volume, guestPath: path, ...(isReadOnly && { isReadOnly }) }),
    );
  }

  /** @throws SovereignError `volume.not-found`, `volume.in-use` when a process of the container works in it */
  async detach(container: string, path: string): Promise<void> {
    checkGuestPath('path', path);
    const { guest, backend } = await this.#host.find(container);
    const chosen = this.#required(engineOf(backend));
    return this.#perform(chosen, { kind: 'volume.detach', sandbox: guest.id, path }, () =>
      chosen.engine.volumes.detach(guest.id, path),
    );
  }

  async #pick(engine: EngineOption['engine']): Promise<ChosenEngine> {
    return this.#required(await this.#host.engines.pick(engine));
  }

  #required(chosen: ChosenEngine): ChosenEngine {
    requireAbility(chosen, 'volumes');
    return chosen;
  }

  #perform<T>(chosen: ChosenEngine, action: Action, run: () => Promise<T>): Promise<T> {
    return this.#host.actions.perform({ action, runtime: chosen.runtime }, run);
  }
}
