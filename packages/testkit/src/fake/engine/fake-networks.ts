import type { EngineAbility, NetworkMember, NetworkRecord, Networks, SandboxId } from '@sovereign/core';
import type { FakeGuest } from '../fake-guest.ts';
import { failure } from './fake-images.ts';

interface Network {
  readonly subnet: string;
  readonly createdMs: number;
  readonly members: Map<SandboxId, NetworkMember>;
  /** Last part of the address that was given last. */
  last: number;
}

/** Networks of /24 in memory: who is on them and under which address. No packet ever moves. */
export class FakeNetworks implements Networks {
  readonly #networks = new Map<string, Network>();
  readonly #guest: (id: SandboxId) => FakeGuest;
  readonly #tell: (kind: 'networkConnected' | 'networkDisconnected', sandbox: SandboxId) => void;

  readonly #require: (ability: EngineAbility) => void;

  constructor(init: {
    readonly guest: (id: SandboxId) => FakeGuest;
    readonly tell: (kind: 'networkConnected' | 'networkDisconnected', sandbox: SandboxId) => void;
    readonly require: (ability: EngineAbility) => void;
  }) {
    this.#require = init.require;
    this.#guest = init.guest;
    this.#tell = init.tell;
  }

  async create(name: string, options: { readonly subnet?: string } = {}): Promise<NetworkRecord> {
    await Promise.resolve();
    this.#require('networks');
    if (this.#networks.has(name)) throw failure('network.exists', `A network ${name} exists.`);
    const taken = new Set([...this.#networks.values()].map((network) => prefixOf(network.subnet)));
    const free = Array.from({ length: 256 }, (_, at) => `10.99.${at}`).find((one) => !taken.has(one));
    const subnet = options.subnet ?? `${free ?? '10.99.0'}.0/24`;
    if (taken.has(prefixOf(subnet))) throw failure('network.conflict', `Subnet ${subnet} is in use.`);
    this.#networks.set(name, { subnet, createdMs: Date.now(), members: new Map(), last: 1 });
    return this.#record(name);
  }

  list(): Promise<readonly NetworkRecord[]> {
    return Promise.resolve([...this.#networks.keys()].map((name) => this.#record(name)));
  }

  async remove(name: string): Promise<void> {
    await Promise.resolve();
    const { members } = this.#network(name);
    if (members.size > 0) throw failure('network.in-use', `Network ${name} has members.`);
    this.#networks.delete(name);
  }

  async connect(
    network: string,
    sandbox: SandboxId,
    options: { readonly aliases?: readonly string[] } = {},
  ): Promise<NetworkMember> {
    await Promise.resolve();
    const found = this.#network(network);
    const { name } = this.#guest(sandbox).spec;
    if (found.members.has(sandbox)) throw failure('network.exists', `${sandbox} is on ${network} already.`);
    found.last += 1;
    const member: NetworkMember = {
      sandbox,
      address: `${prefixOf(found.subnet)}.${found.last}`,
      names: [...(name === undefined ? [] : [name]), ...(options.aliases ?? [])],
    };
    found.members.set(sandbox, member);
    this.#tell('networkConnected', sandbox);
    return member;
  }

  async disconnect(network: string, sandbox: SandboxId): Promise<void> {
    await Promise.resolve();
    if (!this.#network(network).members.delete(sandbox))
      throw failure('network.not-found', `${sandbox} is not on ${network}.`);
    this.#tell('networkDisconnected', sandbox);
  }

  forget(sandbox: SandboxId): void {
    for (const { members } of this.#networks.values()) members.delete(sandbox);
  }

  #network(name: string): Network {
    const network = this.#networks.get(name);
    if (network === undefined) throw failure('network.not-found', `No network has the name ${name}.`);
    return network;
  }

  #record(name: string): NetworkRecord {
    const { subnet, createdMs, members } = this.#network(name);
    return { name, subnet, gateway: `${prefixOf(subnet)}.1`, createdMs, members: [...members.values()] };
  }
}

function prefixOf(subnet: string): string {
  return subnet.slice(0, subnet.lastIndexOf('.'));
}
