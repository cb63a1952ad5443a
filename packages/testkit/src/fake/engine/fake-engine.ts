import type {
  ChangeRecord,
  ContainerEngine,
  EngineAbility,
  EngineEvent,
  Guest,
  GuestState,
  ImageConfig,
  ImageRecord,
  Leftover,
  SandboxId,
  SandboxSpec,
} from '@sovereign/core';
import { emptyImageConfig, type OciImage } from '../../archive/oci-archive.ts';
import { tarDirectory, tarFile, writeTar } from '../../archive/tar.ts';
import type { FakeGuest } from '../fake-guest.ts';
import type { FakeNode, FakeNodes } from '../fake-tree.ts';
import { FakeEvents } from './fake-events.ts';
import { failure, FakeImages } from './fake-images.ts';
import { FakeNetworks } from './fake-networks.ts';
import { FakeVolumes } from './fake-volumes.ts';

const events = {
  created: 'created',
  running: 'started',
  paused: 'paused',
  stopped: 'stopped',
  broken: 'died',
} as const;

/**
 * A container engine in memory: images with real digests, volumes that are shared, networks that are recorded, containers
 * with an upper layer of their own. It builds nothing and has no quotas, and says so.
 */
export class FakeEngine implements ContainerEngine {
  readonly lacks: readonly EngineAbility[];
  readonly images: FakeImages;
  readonly volumes: FakeVolumes;
  readonly networks: FakeNetworks;
  /** What a crash left: a test puts it there, `sweep` takes it away. */
  readonly left: Leftover[] = [];
  readonly #guests: Map<SandboxId, FakeGuest>;
  readonly #bases = new Map<SandboxId, { readonly digest: string | undefined; readonly files: FakeNodes }>();
  readonly #states = new Map<SandboxId, GuestState>();
  readonly #events = new FakeEvents();
  #make: (spec: SandboxSpec) => FakeGuest;

  /**
   * @param options.lacks what it is to be without besides builds; default: nothing
   * @param options.registry images that a pull finds, by normalised name; default: none
   */
  constructor(
    guests: Map<SandboxId, FakeGuest>,
    options: {
      readonly lacks?: readonly EngineAbility[];
      readonly registry?: ReadonlyMap<string, OciImage>;
    } = {},
  ) {
    this.#guests = guests;
    this.lacks = ['build', ...(options.lacks ?? [])];
    const require = (ability: EngineAbility): void => this.#require(ability);
    const guest = (id: SandboxId): FakeGuest => this.#guest(id);
    const tell = (kind: EngineEvent['kind'], subject: string): void => this.#events.tell(kind, subject);
    this.images = new FakeImages({
      registry: options.registry ?? new Map(),
      isUsed: (digest) => [...this.#bases.values()].some((base) => base.digest === digest),
      tell,
    });
    this.volumes = new FakeVolumes({ guest, require });
    this.networks = new FakeNetworks({ guest, tell, require });
    this.#make = () => {
      throw new TypeError('the fake engine belongs to no backend');
    };
  }

  /** Called by the backend that it belongs to: how a guest is made. */
  adopt(make: (spec: SandboxSpec) => FakeGuest): void {
    this.#make = make;
  }

  /** What a new guest of a specification has at its root. @throws SovereignError `image.not-found`, `volume.not-found` */
  prepare(spec: SandboxSpec): { readonly files: FakeNodes; readonly env: Readonly<Record<string, string>> } {
    this.volumes.check(spec.volumes ?? []);
    if (spec.image.kind !== 'reference') return { files: new Map(), env: {} };
    const { reference } = spec.image;
    return { files: this.images.files(reference), env: this.images.image(reference).config.env };
  }

  /** A guest was made of a specification. */
  began(guest: FakeGuest): void {
    const { image, volumes } = guest.spec;
    const digest = image.kind === 'reference' ? this.images.digest(image.reference) : undefined;
    this.#bases.set(guest.id, { digest, files: new Map(guest.machine.files.tree.root) });
    this.volumes.mount(guest, volumes ?? []);
    this.#events.tell('created', guest.id);
  }

  became(id: SandboxId, state: GuestState): void {
    const before = this.#states.get(id);
    this.#states.set(id, state);
    if (before === 'paused' && state === 'running') this.#events.tell('resumed', id);
    else if (before !== state) this.#events.tell(events[state], id);
  }

  ended(id: SandboxId): void {
    if (!this.#bases.delete(id)) return;
    this.#states.delete(id);
    this.volumes.forget(id);
    this.networks.forget(id);
    this.#events.tell('removed', id);
  }

  async commit(
    sandbox: SandboxId,
    options: { readonly reference: string; readonly config?: Partial<ImageConfig> },
  ): Promise<ImageRecord> {
    await Promise.resolve();
    this.#require('commit');
    const guest = this.#guest(sandbox);
    const base = this.#base(guest);
    const upper = [...this.#changes(guest)].map(({ kind, path }) => entryOf(guest, kind, path));
    const image: OciImage = {
      references: [],
      config: { ...(base?.config ?? emptyImageConfig), ...options.config },
      layers: [...(base?.layers ?? []), writeTar(upper)],
      createdMs: Date.now(),
    };
    const digest = this.images.add(image, options.reference);
    return this.images.record(digest);
  }

  async fork(sandbox: SandboxId, spec: SandboxSpec): Promise<Guest> {
    this.#require('fork');
    const guest = this.#guest(sandbox);
    const state = await guest.status();
    if (state === 'running')
      throw failure('sandbox.not-running', `${sandbox} runs (expected stopped or paused).`);
    const fork = this.#make(spec);
    const { root } = fork.machine.files.tree;
    root.clear();
    for (const [path, node] of guest.machine.files.tree.root) root.set(path, node);
    return fork;
  }

  async *diff(sandbox: SandboxId): AsyncGenerator<ChangeRecord, void, undefined> {
    await Promise.resolve();
    this.#require('diff');
    yield* this.#changes(this.#guest(sandbox));
  }

  leftovers(): Promise<readonly Leftover[]> {
    return Promise.resolve([...this.left]);
  }

  async sweep(leftover: Leftover): Promise<void> {
    await Promise.resolve();
    const at = this.left.findIndex(({ kind, id }) => kind === leftover.kind && id === leftover.id);
    if (at === -1) throw failure('engine.failed', `There is no ${leftover.kind} ${leftover.id} left.`);
    this.left.splice(at, 1);
  }

  events(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return this.#events.listen(signal);
  }

  #require(ability: EngineAbility): void {
    if (this.lacks.includes(ability))
      throw failure('capability.missing', `The fake engine was made without ${ability}.`);
  }

  #guest(id: SandboxId): FakeGuest {
    const guest = this.#guests.get(id);
    if (guest === undefined) throw failure('sandbox.not-found', `No sandbox has the id ${id}.`);
    return guest;
  }

  #base(guest: FakeGuest): OciImage | undefined {
    const digest = this.#bases.get(guest.id)?.digest;
    return digest === undefined ? undefined : this.images.image(digest);
  }

  *#changes(guest: FakeGuest): Generator<ChangeRecord> {
    const before = this.#bases.get(guest.id)?.files ?? new Map<string, FakeNode>();
    const after = guest.machine.files.tree.root;
    const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
    for (const path of paths) {
      const [was, is] = [before.get(path), after.get(path)];
      if (is === undefined) yield { kind: 'removed', path };
      else if (was === undefined) yield { kind: 'added', path };
      else if (was !== is) yield { kind: 'modified', path };
    }
  }
}

/** A change as an entry of a layer; what is gone is a whiteout (image-spec, layer.md). */
function entryOf(guest: FakeGuest, kind: ChangeRecord['kind'], path: string): ReturnType<typeof tarFile> {
  const name = path.slice(1);
  if (kind === 'removed') {
    const at = name.lastIndexOf('/') + 1;
    return tarFile(`${name.slice(0, at)}.wh.${name.slice(at)}`, '');
  }
  const node = guest.machine.files.tree.root.get(path);
  if (node?.kind === 'file') return tarFile(name, node.content, node.mode);
  return tarDirectory(name, node?.mode);
}
