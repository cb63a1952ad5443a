import { existsSync, readdirSync } from 'node:fs';
import * as v from 'valibot';
import { SovereignError } from '@sovereign/protocol';
import {
  isSandboxId,
  parseSpecFile,
  type ChangeRecord,
  type ContainerEngine,
  type EngineAbility,
  type EngineEvent,
  type Guest,
  type ImageConfig,
  type ImageRecord,
  type Leftover,
  type SandboxId,
  type SandboxSpec,
} from '@sovereign/core';
import { guestState, readAnswer, readSummaries, type ContainerSummary } from './container-state.ts';
import { readChanges } from './container-changes.ts';
import type { DockerGuest } from './docker-guest.ts';
import { DockerImages } from './docker-images.ts';
import { DockerNetworks } from './docker-networks.ts';
import { DockerVolumes } from './docker-volumes.ts';
import { engineEvents } from './engine-events.ts';
import type { EngineClient } from './engine-client.ts';
import type { EngineFacts } from './engine-facts.ts';
import type { EngineSearch } from './engine-address.ts';
import { meaningOf } from './engine-errors.ts';
import { withoutDigest } from './image-errors.ts';
import { imageChanges } from './image-changes.ts';
import { engineConfig, splitReference } from './image-record.ts';
import {
  containerName,
  forkedId,
  forkReference,
  isMakerAlive,
  labels,
  type DockerHome,
} from './sandbox-labels.ts';

/** What the engine half of the backend needs of the other. */
export interface DockerEngineHost extends DockerHome {
  readonly client: EngineClient;
  readonly search: EngineSearch;
  facts(): Promise<EngineFacts>;
  /** Directory that holds one directory a guest. */
  readonly guestsDirectory: string;
  guest(id: SandboxId): Promise<DockerGuest>;
  /** Makes a container of an image that was made of another sandbox. */
  defineFork(spec: SandboxSpec, of: SandboxSpec, reference: string): Promise<Guest>;
  clear(id: SandboxId, isFork: boolean): Promise<void>;
}

const commitSchema = v.object({ Id: v.string() });
const imagesSchema = v.array(
  v.object({
    Id: v.string(),
    RepoTags: v.optional(v.nullable(v.array(v.string()))),
    Size: v.optional(v.number(), 0),
  }),
);

/** Images, volumes and networks of an engine, and what can be done with whole containers. */
export class DockerEngine implements ContainerEngine {
  /** A container of Docker or Podman has the mounts that it was made with. */
  readonly lacks: readonly EngineAbility[] = ['attach', 'attachRunning'];
  readonly images: DockerImages;
  readonly volumes: DockerVolumes;
  readonly networks: DockerNetworks;
  readonly #host: DockerEngineHost;

  constructor(host: DockerEngineHost) {
    this.#host = host;
    this.images = new DockerImages(host.client, host.search, () => host.facts());
    this.volumes = new DockerVolumes(host.client, host);
    this.networks = new DockerNetworks(host.client, host);
  }

  async commit(
    sandbox: SandboxId,
    options: {
      readonly reference: string;
      readonly config?: Partial<ImageConfig>;
      readonly signal?: AbortSignal;
    },
  ): Promise<ImageRecord> {
    const guest = await this.#host.guest(sandbox);
    const name = withoutDigest(options.reference);
    // What the container was made with is ours: shelld as its entry point. Its image says what it is for.
    const { Image, Config } = await guest.inspect();
    const config = { ...(await this.#configOf(Image)), ...options.config };
    const isSilent = (config.entrypoint ?? []).length + (config.command ?? []).length === 0;
    const isNobodys = (config.user ?? '') === '' && Config.User !== '';
    // An engine takes what is empty from the container: what it starts, and whom as.
    const filled = { ...(isSilent && { command: ['/bin/sh'] }), ...(isNobodys && { user: '0:0' }) };
    await this.#commit(guest, name, { ...config, ...filled }, options.signal);
    return this.images.inspect(name);
  }

  /** By an image of the sandbox's upper layer, which is removed with the container that is made of it. */
  async fork(sandbox: SandboxId, spec: SandboxSpec): Promise<Guest> {
    const guest = await this.#host.guest(sandbox);
    await guest.expect(['stopped', 'paused', 'created'], 'fork');
    const reference = forkReference(this.#host.home(), spec.id);
    await this.#commit(guest, reference, { labels: { [labels.image]: 'fork' } });
    try {
      return await this.#host.defineFork(spec, guest.spec, reference);
    } catch (error) {
      await this.images.remove(reference).catch(() => undefined);
      throw error;
    }
  }

  async *diff(sandbox: SandboxId): AsyncGenerator<ChangeRecord, undefined> {
    const guest = await this.#host.guest(sandbox);
    try {
      const path = `/containers/${containerName(sandbox)}/changes`;
      yield* readChanges(await this.#host.client.json({ method: 'GET', path }), guest.spec);
    } catch (error) {
      throw meaningOf(error, `The changes of ${sandbox} could not be read`);
    }
    return undefined;
  }

  async leftovers(): Promise<readonly Leftover[]> {
    if (!this.#host.hasHome()) return [];
    const containers = await this.#containers();
    const known = new Set(containers.map(({ Labels }) => Labels?.[labels.sandbox] ?? ''));
    return [
      ...containers.flatMap(containerLeftover),
      ...this.#directories()
        .filter((id) => !known.has(id))
        .map((id): Leftover => ({ kind: 'directory', id, why: 'its container is gone', bytes: 0 })),
      ...(await this.#images(known)),
    ];
  }

  async sweep(leftover: Leftover): Promise<void> {
    const found = (await this.leftovers()).find(
      ({ kind, id }) => kind === leftover.kind && id === leftover.id,
    );
    if (found === undefined) throw notLeftOver(leftover);
    if (leftover.kind === 'image') return this.images.remove(leftover.id);
    if (!isSandboxId(leftover.id)) throw notLeftOver(leftover);
    if (leftover.kind === 'directory') return this.#host.clear(leftover.id, false);
    await (await this.#host.guest(leftover.id)).remove();
  }

  events(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return engineEvents(this.#host.client, this.#host.home(), signal);
  }

  async #commit(
    guest: DockerGuest,
    name: string,
    config: Partial<ImageConfig>,
    signal?: AbortSignal,
  ): Promise<void> {
    const { repository, tag } = splitReference(name);
    // SAFETY: engines give an image the labels of its container; ours hold the environment of the sandbox, which may be
    // secret, and are overwritten. Held by tests/docker (`a commit says nothing of its sandbox`).
    const hidden = Object.fromEntries(Object.values(labels).map((name) => [name, '']));
    const whole = { ...config, labels: { ...hidden, ...config.labels } };
    const isPodman = (await this.#host.facts()).product === 'Podman';
    const noEntrypoint = (config.entrypoint ?? []).length === 0 ? ['ENTRYPOINT []'] : [];
    try {
      const answer = await this.#host.client.json({
        method: 'POST',
        path: '/commit',
        query: {
          container: containerName(guest.id),
          repo: repository,
          tag,
          pause: true,
          // Podman wants a body, and does not look at it.
          ...(isPodman && { changes: [...imageChanges(whole, 'Podman'), ...noEntrypoint] }),
        },
        body: engineConfig(whole),
        ...(signal && { signal }),
        timeoutMs: null,
      });
      readAnswer(commitSchema, answer, 'a commit');
    } catch (error) {
      throw meaningOf(error, `Sandbox ${guest.id} could not be committed`);
    }
  }

  async #configOf(image: string): Promise<Partial<ImageConfig>> {
    try {
      const { config } = await this.images.inspect(image);
      return config;
    } catch (error) {
      if (error instanceof SovereignError && error.reason === 'image.not-found') return {};
      throw error;
    }
  }

  async #containers(): Promise<readonly ContainerSummary[]> {
    const filters = JSON.stringify({ label: [`${labels.home}=${this.#host.home()}`] });
    const query = { all: true, filters };
    return readSummaries(await this.#host.client.json({ method: 'GET', path: '/containers/json', query }));
  }

  #directories(): readonly SandboxId[] {
    const path = this.#host.guestsDirectory;
    return existsSync(path) ? readdirSync(path).filter(isSandboxId) : [];
  }

  /** Images that were made for one sandbox, which is gone. */
  async #images(known: ReadonlySet<string>): Promise<readonly Leftover[]> {
    const answer = await this.#host.client.json({ method: 'GET', path: '/images/json' });
    return readAnswer(imagesSchema, answer, 'the list of images').flatMap(({ RepoTags, Size }) =>
      (RepoTags ?? []).flatMap((tag): Leftover[] => {
        const id = forkedId(this.#host.home(), tag);
        if (id === undefined || known.has(id)) return [];
        return [{ kind: 'image', id: tag, why: 'the sandbox that was forked into it is gone', bytes: Size }];
      }),
    );
  }
}

/** A container that no caller knows of: its maker died between making and starting it, or its label cannot be read. */
function containerLeftover({ Labels, State }: ContainerSummary): readonly Leftover[] {
  const id = Labels?.[labels.sandbox] ?? '';
  if (!isSandboxId(id)) return [];
  const why = problemOf(id, Labels ?? {}, State);
  return why === undefined ? [] : [{ kind: 'sandbox', id, why, bytes: 0 }];
}

function problemOf(id: SandboxId, own: Readonly<Record<string, string>>, state: string): string | undefined {
  try {
    parseSpecFile(labels.spec, own[labels.spec] ?? '', id);
  } catch {
    return 'its specification cannot be read';
  }
  // Empty in a container of an image that was committed: there our labels are overwritten.
  const maker = own[labels.maker] ?? '';
  if (guestState(state) !== 'created' || maker === '') return undefined;
  return isMakerAlive(maker) ? undefined : 'who made it died before starting it';
}

function notLeftOver({ kind, id }: Leftover): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `This is not left over any more: ${kind} ${id.slice(0, 128)}.`,
    hint: 'Look again: sovereign gc --dry-run',
    context: { kind, id: id.slice(0, 128) },
  });
}
