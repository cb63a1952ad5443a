import type {
  ChangeRecord,
  ContainerEngine,
  EngineAbility,
  EngineEvent,
  Guest,
  ImageConfig,
  ImageRecord,
  Leftover,
  SandboxId,
  SandboxSpec,
  WorkspaceReview,
} from '@sovereign/core';
import type { LayeredImages } from '@sovereign/images';
import type { EngineHost } from './engine-host.ts';
import { followEvents } from './events/follow-events.ts';
import { commitLayer } from './layers/commit-layer.ts';
import { diffLayer } from './layers/diff-layer.ts';
import { forkLayer } from './layers/fork-layer.ts';
import { QuiltLeftovers } from './leftovers/quilt-leftovers.ts';
import { insteadOfNetworks } from './networks/bridge.ts';
import type { QuiltNetworks } from './networks/quilt-networks.ts';
import { QuiltReview } from './review/quilt-review.ts';
import { defaultStepLimits, type StepLimits } from './review/step-room.ts';
import { StepStore } from './review/step-store.ts';
import type { TarRoots } from './tar-roots.ts';
import type { QuiltVolumes } from './volumes/quilt-volumes.ts';

/** What quilt offers besides bringing guests up. It keeps nothing in memory that the state directory does not hold. */
export class QuiltEngine implements ContainerEngine {
  readonly images: LayeredImages;
  readonly volumes: QuiltVolumes;
  readonly networks: QuiltNetworks;
  readonly review: WorkspaceReview;
  readonly lacks: readonly EngineAbility[];
  readonly shortfalls: NonNullable<ContainerEngine['shortfalls']>;
  readonly #host: EngineHost;
  readonly #leftovers: QuiltLeftovers;

  constructor(
    host: EngineHost,
    rooms: {
      readonly images: LayeredImages;
      readonly volumes: QuiltVolumes;
      readonly networks: QuiltNetworks;
      readonly tarRoots: TarRoots;
      readonly stepLimits?: Partial<StepLimits>;
    },
  ) {
    // By name: a backend that makes its rooms when they are asked for has nothing that could be spread.
    const { images, volumes, networks, tarRoots } = rooms;
    this.#host = host;
    this.images = images;
    this.volumes = volumes;
    this.networks = networks;
    const steps = new StepStore(host.directory);
    const stepLimits = { ...defaultStepLimits, ...rooms.stepLimits };
    this.review = new QuiltReview(host, steps, stepLimits);
    const why = networks.bridges.lacking();
    this.lacks = why === undefined ? [] : ['networks'];
    this.shortfalls = why === undefined ? {} : { networks: { why, hint: insteadOfNetworks } };
    this.#leftovers = new QuiltLeftovers(host, { images, volumes, networks, tarRoots, steps, stepLimits });
  }

  commit(
    sandbox: SandboxId,
    options: {
      readonly reference: string;
      readonly config?: Partial<ImageConfig>;
      readonly signal?: AbortSignal;
    },
  ): Promise<ImageRecord> {
    return commitLayer(this.#host, this.images, sandbox, options);
  }

  fork(sandbox: SandboxId, spec: SandboxSpec): Promise<Guest> {
    return forkLayer(this.#host, sandbox, spec);
  }

  async *diff(sandbox: SandboxId): AsyncIterable<ChangeRecord> {
    yield* diffLayer(this.#host, this.#host.guest(sandbox).spec);
  }

  leftovers(): Promise<readonly Leftover[]> {
    return this.#leftovers.list();
  }

  sweep(leftover: Leftover): Promise<void> {
    return this.#leftovers.sweep(leftover);
  }

  events(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return followEvents(this.#host, signal);
  }
}
