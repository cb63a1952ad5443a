import { homedir } from 'node:os';
import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
import { SovereignError } from '@sovereign/protocol';
import {
  hasHomeMark,
  homeMark,
  undoCreate,
  parseSpecFile,
  throwIfCancelled,
  type Backend,
  type ByteStream,
  type Capabilities,
  type Guest,
  type GuestRecord,
  type LimitSpec,
  type Probe,
  type SandboxId,
  type SandboxSpec,
  unknownSpec,
} from '@sovereign/core';
import {
  commandDefaults,
  containerRequest,
  limitFields,
  resourceFields,
  type Transport,
} from './container-request.ts';
import { listContainers, recordOf } from './container-list.ts';
import { guestState, type ContainerInspect } from './container-state.ts';
import {
  createFailed,
  insecureRefused,
  nameTaken,
  specOrigin,
  workspaceElsewhere,
} from './backend-errors.ts';
import { DockerGuest, type DockerGuestHost, notFound } from './docker-guest.ts';
import { EngineClient } from './engine-client.ts';
import type { EngineSearch } from './engine-address.ts';
import { DockerEngine, type DockerEngineHost } from './docker-engine.ts';
import { meaningOf } from './engine-errors.ts';
import { askEngine, type EngineFacts } from './engine-facts.ts';
import { guestUser, seccompOption, transportOf } from './engine-fit.ts';
import { guestImage, type GuestImage } from './guest-image.ts';
import { imageDefaultsOf } from './image-defaults.ts';
import { GuestPlace } from './guest-place.ts';
import { makeContainer } from './make-container.ts';
import { probeDocker } from './probe.ts';
import { openRelay, uploadShelld } from './relay-door.ts';
import { containerName, forkReference, labels } from './sandbox-labels.ts';
import { untilListening } from './until-listening.ts';
import { mountChecks, workspaceBinds, type EngineMount } from './workspace-binds.ts';

export interface DockerOptions {
  /** Directory for what outlives this process. Mode 0700. */
  readonly stateDirectory: string;
  readonly shelldPath: string;
  /** Directory that holds the Python package `apts`. */
  readonly pythonPath?: string;
  /** `unix://…`, `tcp://…` or `ssh://…`. Default: `DOCKER_HOST`, the Docker context, the usual sockets. */
  readonly host?: string;
  /** Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Home of the user, for Docker's configuration. Default: that of this process. */
  readonly userHome?: string;
  /** What image `host` means to an engine elsewhere. Default `sovereign/sandbox:latest`. */
  readonly sandboxImage?: string;
  /** Default: `socket` for an engine of this host, else `relay`. */
  readonly transport?: Transport;
}

/** Containers of a Docker-compatible engine with shelld as their first process. */
export function createDockerBackend(options: DockerOptions): Backend {
  return new DockerBackend(options);
}

class DockerBackend implements Backend, DockerGuestHost, DockerEngineHost {
  readonly name = 'docker';
  readonly tier = 'container';
  readonly capabilities: Capabilities = {
    isPersistent: true,
    canStop: true,
    canPause: true,
    canSetLimits: true,
    canStats: true,
    canDefine: true,
    hasPty: true,
    hasImages: true,
    isIsolated: true,
  };
  readonly search: EngineSearch;
  readonly #options: DockerOptions;
  readonly #directory: string;
  // Made when they are first asked for: most commands are about sandboxes of other backends.
  #client: EngineClient | undefined;
  #engine: DockerEngine | undefined;
  #facts: Promise<EngineFacts> | undefined;

  constructor(options: DockerOptions) {
    this.#options = options;
    this.#directory = join(options.stateDirectory, 'docker');
    this.search = {
      env: options.env ?? process.env,
      home: options.userHome ?? homedir(),
      ...(options.host !== undefined && { host: options.host }),
    };
  }

  get client(): EngineClient {
    return (this.#client ??= new EngineClient(this.search));
  }

  get engine(): DockerEngine {
    return (this.#engine ??= new DockerEngine(this));
  }

  async probe(): Promise<Probe> {
    // What runs there now may be another engine than before.
    await this.client.close();
    this.#facts = undefined;
    return probeDocker(this.client, () => this.facts());
  }

  async create(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    const guest = await this.#define(spec, { signal, isStarted: true });
    try {
      throwIfCancelled(signal);
      await this.launch(guest);
      throwIfCancelled(signal);
      guest.isNew = true;
      return guest;
    } catch (error) {
      await undoCreate(guest, error);
      throw meaningOf(error, `Sandbox ${spec.id} could not be started`, [createFailed]);
    }
  }

  define(spec: SandboxSpec, signal?: AbortSignal): Promise<Guest> {
    return this.#define(spec, { signal });
  }

  async launch(guest: DockerGuest): Promise<void> {
    const { spec } = guest;
    const facts = await this.facts();
    const place = this.#place(spec.id);
    const transport = transportOf(facts, this.#options.transport);
    if (transport === 'socket') {
      const targets = guest.mountTargets ?? bindTargets(await guest.inspect());
      place.prepare(mountChecks(spec, targets), guestUser(spec, facts));
    } else {
      // SAFETY: anew before every start, since the guest's root may have replaced it while it ran.
      await uploadShelld(this.client, containerName(spec.id), this.#options.shelldPath);
    }
    try {
      await this.client.json({ method: 'POST', path: `/containers/${containerName(spec.id)}/start` });
    } catch (error) {
      throw meaningOf(error, `Sandbox ${spec.id} could not be started`, [createFailed]);
    }
    if (transport === 'socket') await untilListening(guest, place);
  }

  async connect(guest: DockerGuest, signal: AbortSignal | undefined): Promise<ByteStream> {
    const transport = transportOf(await this.facts(), this.#options.transport);
    if (transport === 'relay') return openRelay(this.client, containerName(guest.id), signal);
    return this.#place(guest.id).connect(signal);
  }

  async clear(id: SandboxId, isFork: boolean): Promise<void> {
    this.#place(id).remove();
    if (!isFork) return;
    await this.engine.images.remove(forkReference(this.home(), id)).catch((error: unknown) => {
      if (!(error instanceof SovereignError) || error.reason !== 'image.not-found') throw error;
    });
  }

  async update(id: SandboxId, limits: LimitSpec): Promise<void> {
    try {
      const { product } = await this.facts();
      const path = `/containers/${containerName(id)}/update`;
      // The Docker-compatible API of Podman 4 has no update; its own has.
      await (product === 'Podman'
        ? this.client.text({ method: 'POST', path: `/libpod${path}`, body: resourceFields(limits) })
        : this.client.text({ method: 'POST', path, body: limitFields(limits) }));
    } catch (error) {
      throw meaningOf(error, `Limits of ${id} could not be changed`, [
        { status: 500, reason: 'limit.unsupported', hint: 'Is it below what the sandbox uses now?' },
        { status: 400, reason: 'limit.unsupported', hint: 'Is it below what the engine allows?' },
      ]);
    }
  }

  async list(): Promise<readonly GuestRecord[]> {
    // Who never made a sandbox here is not told whether an engine runs.
    if (!this.hasHome()) return [];
    const found = await listContainers(this.client, { [labels.home]: this.home() });
    return found.map((one) => recordOf(one, this.name)).filter((record) => record !== undefined);
  }

  attach(id: SandboxId): Promise<Guest> {
    return this.guest(id);
  }

  async guest(id: SandboxId): Promise<DockerGuest> {
    if (!this.hasHome()) throw notFound(id);
    const guest = new DockerGuest(unknownSpec(id), undefined, this);
    const found = await guest.inspect();
    const own = found.Config.Labels ?? {};
    if (own[labels.home] !== this.home() || own[labels.sandbox] !== id) throw notFound(id);
    if (guestState(found.State.Status) === undefined) throw notFound(id);
    try {
      const spec = parseSpecFile(specOrigin(id), own[labels.spec] ?? '', id);
      return new DockerGuest(spec, imageDefaultsOf(found), this, own[labels.image] === 'fork');
    } catch (error) {
      if (error instanceof SovereignError && error.reason === 'sandbox.state-corrupt') return guest;
      throw error;
    }
  }

  async defineFork(spec: SandboxSpec, of: SandboxSpec, reference: string): Promise<Guest> {
    const { make: _, ...image } = await this.#image(of, await this.facts());
    return this.#define(spec, { image: { ...image, reference, isFork: true } });
  }

  async close(): Promise<void> {
    await this.#client?.close();
  }

  /** Asked once, and again after the engine could not be reached. */
  facts(): Promise<EngineFacts> {
    this.#facts ??= askEngine(this.client).catch((error: unknown) => {
      this.#facts = undefined;
      throw error;
    });
    return this.#facts;
  }

  async #define(
    spec: SandboxSpec,
    how: {
      readonly signal?: AbortSignal | undefined;
      readonly isStarted?: boolean;
      readonly image?: GuestImage;
    },
  ): Promise<DockerGuest> {
    throwIfCancelled(how.signal);
    if (spec.isInsecure) throw insecureRefused();
    const facts = await this.facts();
    // Before the image is looked for: nobody is to bring one there, and to be refused then.
    if (transportOf(facts, this.#options.transport) === 'relay' && spec.workspace !== undefined)
      throw workspaceElsewhere(spec.workspace.hostPath);
    const image = how.image ?? (await this.#image(spec, facts));
    const volumes = await this.engine.volumes.mounts(spec.volumes ?? []);
    throwIfCancelled(how.signal);
    const binds = [...image.binds, ...workspaceBinds(spec)];
    await this.#create({ spec, image, facts, binds, volumes, isStarted: how.isStarted === true });
    const defaults = commandDefaults({ image, user: guestUser(spec, facts) });
    const guest = new DockerGuest(spec, defaults, this, image.isFork === true);
    guest.mountTargets = binds.map(({ Target }) => Target);
    await this.#refuseTwin(guest);
    return guest;
  }

  /** After it was made, so that of two at the same time never both stay. */
  async #refuseTwin(guest: DockerGuest): Promise<void> {
    const { id, name } = guest.spec;
    if (name === undefined) return;
    const all = await listContainers(this.client, { [labels.home]: this.home(), [labels.name]: name });
    const twin = all.find(({ Labels }) => Labels?.[labels.sandbox] !== id);
    if (twin === undefined) return;
    const error = nameTaken(name, twin.Labels?.[labels.sandbox] ?? '');
    await undoCreate(guest, error);
    throw error;
  }

  #image(spec: SandboxSpec, facts: EngineFacts): Promise<GuestImage> {
    return guestImage(spec.image, {
      client: this.client,
      imageDirectory: join(this.#options.stateDirectory, 'images'),
      isSameHost: transportOf(facts, this.#options.transport) === 'socket',
      sandboxImage: this.#options.sandboxImage ?? 'sovereign/sandbox:latest',
    });
  }

  async #create({ spec, image, facts, binds, volumes, isStarted }: CreateInit): Promise<void> {
    const transport = transportOf(facts, this.#options.transport);
    const place = this.#place(spec.id);
    const body = containerRequest({
      spec,
      home: this.home(),
      imageId: image.reference,
      facts,
      transport,
      user: guestUser(spec, facts),
      image,
      shelldPath: this.#options.shelldPath,
      pythonPath: this.#options.pythonPath,
      placePath: place.path,
      seccomp: seccompOption(facts, this.#directory),
      binds,
      volumes,
      isStarted,
      isFork: image.isFork === true,
    });
    // Engines look whether the sources of binds are there.
    if (transport === 'socket') mkdirSync(place.path, { recursive: true, mode: 0o700 });
    await makeContainer({ client: this.client, spec, body, image, onNothingMade: () => place.remove() });
  }

  home(): string {
    return homeMark(this.#directory);
  }

  hasHome(): boolean {
    return hasHomeMark(this.#directory);
  }

  get guestsDirectory(): string {
    return join(this.#directory, 'guests');
  }

  #place(id: SandboxId): GuestPlace {
    return new GuestPlace(this.#directory, id);
  }
}

function bindTargets({ Mounts }: ContainerInspect): readonly string[] {
  return Mounts.filter(({ Type }) => Type === 'bind').map(({ Destination }) => Destination);
}

interface CreateInit {
  readonly spec: SandboxSpec;
  readonly image: GuestImage;
  readonly facts: EngineFacts;
  readonly binds: readonly EngineMount[];
  readonly volumes: readonly EngineMount[];
  /** It is started at once, by this process. */
  readonly isStarted: boolean;
}
