import { SovereignError } from '@sovereign/protocol';
import type { Leftover, SandboxId } from '@sovereign/core';
import type { LayeredImages } from '@sovereign/images';
import type { EngineHost } from '../engine-host.ts';
import type { QuiltNetworks } from '../networks/quilt-networks.ts';
import type { StepLimits } from '../review/step-room.ts';
import type { StepStore } from '../review/step-store.ts';
import type { TarRoots } from '../tar-roots.ts';
import type { QuiltVolumes } from '../volumes/quilt-volumes.ts';
import type { FoundLeftover } from './found-leftover.ts';
import { ownedLeftovers } from './owned-leftovers.ts';
import { rootLeftovers } from './root-leftovers.ts';
import { sandboxLeftovers } from './sandbox-leftovers.ts';
import { stepLeftovers } from './step-leftovers.ts';

interface Rooms {
  readonly volumes: QuiltVolumes;
  readonly networks: QuiltNetworks;
  readonly images: LayeredImages;
  readonly tarRoots: TarRoots;
  readonly steps: StepStore;
  readonly stepLimits: StepLimits;
}

/** What nobody needs any more of all that quilt makes. */
export class QuiltLeftovers {
  readonly #host: EngineHost;
  readonly #rooms: Rooms;

  constructor(host: EngineHost, rooms: Rooms) {
    this.#host = host;
    this.#rooms = rooms;
  }

  async list(): Promise<readonly Leftover[]> {
    const ours = this.#find().map(({ kind, id, why, bytes }) => ({ kind, id, why, bytes }));
    return [...ours, ...(await this.#rooms.images.leftovers(this.#owns))];
  }

  /** Looks again before it removes anything: what was left a while ago may be in use now. */
  async sweep(leftover: Leftover): Promise<void> {
    const isIt = (one: Leftover): boolean => one.kind === leftover.kind && one.id === leftover.id;
    const found = this.#find().find(isIt);
    if (found !== undefined) {
      await found.remove();
      return;
    }
    const ofImages = (await this.#rooms.images.leftovers(this.#owns)).find(isIt);
    if (ofImages === undefined) throw noLeftover(leftover);
    await this.#rooms.images.sweep(ofImages, this.#owns);
  }

  readonly #owns = (owner: string): boolean => this.#host.state.ids().includes(owner as SandboxId);

  #find(): readonly FoundLeftover[] {
    return [
      ...ownedLeftovers(this.#host),
      ...sandboxLeftovers(this.#host),
      ...stepLeftovers(this.#host, this.#rooms.steps, this.#rooms.stepLimits),
      ...rootLeftovers(this.#host, this.#rooms.tarRoots),
      ...this.#mounts(),
      ...this.#nets(),
    ];
  }

  *#mounts(): Iterable<FoundLeftover> {
    const { volumes } = this.#rooms;
    for (const id of this.#host.state.ids()) {
      for (const { volume, guestPath } of volumes.missing(id)) {
        yield {
          kind: 'mount',
          id: `${id}:${guestPath}`,
          why: `attaching or detaching volume ${volume} was broken off: it is not in the sandbox`,
          bytes: 0,
          remove: () => volumes.forget(id, guestPath),
        };
      }
    }
  }

  *#nets(): Iterable<FoundLeftover> {
    const { networks } = this.#rooms;
    const names = new Set(networks.store.names());
    for (const name of networks.bridges.pinned()) {
      if (names.has(name)) continue;
      yield {
        kind: 'network',
        id: name,
        why: 'its namespace is there and the network is not',
        bytes: 0,
        remove: () => networks.bridges.remove(name),
      };
    }
    const ids = new Set(this.#host.state.ids());
    for (const name of names) {
      for (const id of networks.store.members(name).keys()) {
        if (ids.has(id)) continue;
        yield {
          kind: 'member',
          id: `${name}:${id}`,
          why: 'its sandbox is gone',
          bytes: 0,
          remove: () => networks.leaveAll(id),
        };
      }
    }
  }
}

function noLeftover({ kind, id }: Leftover): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `This is left by nobody: ${kind} ${id.slice(0, 200)}.`,
    hint: 'It is gone, or in use again. Look again: sovereign gc --dry-run.',
  });
}
