import type { EngineAbility, SandboxId, VolumeMount, VolumeRecord, Volumes } from '@sovereign/core';
import type { FakeGuest } from '../fake-guest.ts';
import type { FakeNodes } from '../fake-tree.ts';
import { failure } from './fake-images.ts';

interface Volume {
  readonly nodes: FakeNodes;
  readonly createdMs: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Volumes in memory, without quotas. */
export class FakeVolumes implements Volumes {
  readonly #volumes = new Map<string, Volume>();
  readonly #mounts = new Map<SandboxId, VolumeMount[]>();
  readonly #guest: (id: SandboxId) => FakeGuest;
  readonly #require: (ability: EngineAbility) => void;

  constructor(init: {
    readonly guest: (id: SandboxId) => FakeGuest;
    readonly require: (ability: EngineAbility) => void;
  }) {
    this.#guest = init.guest;
    this.#require = init.require;
  }

  async create(
    name: string,
    options: { readonly sizeBytes?: number; readonly labels?: Readonly<Record<string, string>> } = {},
  ): Promise<VolumeRecord> {
    await Promise.resolve();
    this.#require('volumes');
    if (this.#volumes.has(name)) throw failure('volume.exists', `A volume ${name} exists.`);
    if (options.sizeBytes !== undefined) throw failure('limit.unsupported', 'Memory has no quotas.');
    this.#volumes.set(name, { nodes: new Map(), createdMs: Date.now(), labels: options.labels ?? {} });
    return this.#record(name);
  }

  async inspect(name: string): Promise<VolumeRecord> {
    await Promise.resolve();
    return this.#record(name);
  }

  list(): Promise<readonly VolumeRecord[]> {
    return Promise.resolve([...this.#volumes.keys()].map((name) => this.#record(name)));
  }

  async remove(name: string): Promise<void> {
    const { users } = await this.inspect(name);
    if (users.length > 0)
      throw failure('volume.in-use', `Volume ${name} is attached to ${users.join(', ')}.`);
    this.#volumes.delete(name);
  }

  async attach(sandbox: SandboxId, mount: VolumeMount): Promise<void> {
    const guest = this.#guest(sandbox);
    if ((await guest.status()) === 'running') this.#require('attachRunning');
    this.mount(guest, [mount]);
  }

  async detach(sandbox: SandboxId, guestPath: string): Promise<void> {
    await Promise.resolve();
    const guest = this.#guest(sandbox);
    const mounts = this.#mounts.get(sandbox) ?? [];
    const kept = mounts.filter((mount) => mount.guestPath !== guestPath);
    if (kept.length === mounts.length)
      throw failure('volume.not-found', `Nothing is mounted at ${guestPath}.`);
    const user = guest.machine.running.find(
      ({ cwd }) => cwd === guestPath || cwd.startsWith(`${guestPath}/`),
    );
    if (user !== undefined) throw failure('volume.in-use', `Process ${user.process} works in ${guestPath}.`);
    guest.machine.files.tree.unmount(guestPath);
    this.#mounts.set(sandbox, kept);
  }

  /** Checks that volumes are there, before a guest with them is made. @throws SovereignError `volume.not-found` */
  check(mounts: readonly VolumeMount[]): void {
    for (const { volume } of mounts) this.#volume(volume);
  }

  mount(guest: FakeGuest, mounts: readonly VolumeMount[]): void {
    for (const mount of mounts) {
      const { nodes } = this.#volume(mount.volume);
      guest.machine.files.tree.mount(mount.guestPath, nodes, { isReadOnly: mount.isReadOnly === true });
      this.#mounts.set(guest.id, [...(this.#mounts.get(guest.id) ?? []), mount]);
    }
  }

  forget(sandbox: SandboxId): void {
    this.#mounts.delete(sandbox);
  }

  #volume(name: string): Volume {
    const volume = this.#volumes.get(name);
    if (volume === undefined) throw failure('volume.not-found', `No volume has the name ${name}.`);
    return volume;
  }

  #record(name: string): VolumeRecord {
    const { createdMs, labels } = this.#volume(name);
    const users = [...this.#mounts]
      .filter(([, mounts]) => mounts.some(({ volume }) => volume === name))
      .map(([id]) => id);
    return { name, sizeBytes: null, createdMs, labels, users };
  }
}
