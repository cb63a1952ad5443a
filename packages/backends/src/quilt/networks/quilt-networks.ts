import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import {
  checkResourceName,
  isAlive,
  type NetworkMember,
  type NetworkRecord,
  type Networks,
  type ProcessIdentity,
  type SandboxId,
} from '@sovereign/core';
import type { EngineHost } from '../engine-host.ts';
import { withFileLock } from '../file-lock.ts';
import { Bridges } from './bridge.ts';
import { freeAddress, gatewayOf, NetworkStore, type MemberFile } from './network-store.ts';
import {
  checkFree,
  checkPrivate,
  formatSubnet,
  freeSubnet,
  hostSubnets,
  parseSubnet,
  type Subnet,
} from './subnet.ts';

const maxDevices = 16;
const maxAliases = 16;

/** Bridge networks of quilt. What is on the wire is made from files at every start, so that no crash and no boot loses it. */
export class QuiltNetworks implements Networks {
  readonly store: NetworkStore;
  readonly bridges: Bridges;
  readonly #host: EngineHost;

  constructor(host: EngineHost) {
    this.#host = host;
    this.store = new NetworkStore(host.directory);
    this.bridges = new Bridges(host);
  }

  async create(name: string, options: { readonly subnet?: string } = {}): Promise<NetworkRecord> {
    checkResourceName('network', name);
    this.bridges.require();
    return this.#locked(async () => {
      const ours = this.store.names().map((other) => this.#subnet(other));
      const theirs = hostSubnets();
      const subnet =
        options.subnet === undefined ? freeSubnet([...ours, ...theirs]) : parseSubnet(options.subnet);
      checkPrivate(subnet);
      checkFree(subnet, ours, 'another network');
      checkFree(subnet, theirs, "this host's routes");
      this.store.add(name, { subnet: formatSubnet(subnet), createdMs: Date.now() });
      try {
        await this.bridges.ensure(name, subnet);
      } catch (error) {
        await this.bridges.remove(name);
        this.store.delete(name);
        throw error;
      }
      return this.#record(name);
    });
  }

  list(): Promise<readonly NetworkRecord[]> {
    return Promise.resolve().then(() => this.store.names().map((name) => this.#record(name)));
  }

  async remove(name: string): Promise<void> {
    this.store.read(name);
    await this.#locked(async () => {
      const [member] = this.#members(name).keys();
      if (member !== undefined) throw networkInUse(name, member);
      this.store.delete(name);
      await this.bridges.remove(name);
    });
  }

  async connect(
    network: string,
    sandbox: SandboxId,
    options: { readonly aliases?: readonly string[] } = {},
  ): Promise<NetworkMember> {
    this.bridges.require();
    const aliases = [...new Set(options.aliases)];
    if (aliases.length > maxAliases) throw tooMany(`${aliases.length} aliases`, maxAliases);
    for (const alias of aliases) checkResourceName('alias', alias);
    const { spec } = this.#host.guest(sandbox);
    if (spec.network === 'host') throw hasHostNetwork(sandbox);
    return this.#locked(async () => {
      const file = this.store.read(network);
      const members = this.#members(network);
      if (members.has(sandbox)) throw connectedAlready(network, sandbox);
      const member = {
        address: freeAddress(file, members.values()),
        device: this.#freeDevice(sandbox),
        aliases,
      };
      const guest = this.#running(sandbox);
      // Written first: of a crash in between remains a member without a cable, which its next start gives it.
      this.store.writeMember(network, sandbox, member);
      try {
        if (guest !== undefined) await this.bridges.plug(network, parseSubnet(file.subnet), guest, member);
        await this.#announce([network]);
      } catch (error) {
        await this.#drop(network, sandbox, member);
        throw error;
      }
      this.#host.events.add('networkConnected', sandbox);
      return this.#member(sandbox, member);
    });
  }

  async disconnect(network: string, sandbox: SandboxId): Promise<void> {
    await this.#locked(async () => {
      const member = this.#members(network).get(sandbox);
      if (member === undefined) throw notConnected(network, sandbox);
      await this.#drop(network, sandbox, member);
      await this.#announce([network], sandbox);
      this.#host.events.add('networkDisconnected', sandbox);
    });
  }

  /** Gives a guest that has just come up its network cards and names. */
  async plugAll(sandbox: SandboxId, guest: ProcessIdentity): Promise<void> {
    const networks = this.store.of(sandbox);
    if (networks.length === 0) return;
    await this.#locked(async () => {
      for (const network of networks) {
        const member = this.#members(network).get(sandbox);
        if (member !== undefined) await this.bridges.plug(network, this.#subnet(network), guest, member);
      }
      await this.#host.visitor.writeHosts(guest, this.#hostLines(sandbox));
    });
  }

  /** Takes a sandbox that is removed off its networks. */
  async leaveAll(sandbox: SandboxId): Promise<void> {
    if (this.store.of(sandbox).length === 0) return;
    await this.#locked(async () => {
      const networks = this.store.of(sandbox);
      for (const network of networks) {
        const member = this.store.members(network).get(sandbox);
        if (member !== undefined) await this.#drop(network, sandbox, member);
      }
      await this.#announce(networks);
    });
  }

  async #drop(network: string, sandbox: SandboxId, member: MemberFile): Promise<void> {
    await this.bridges.unplug(network, this.#subnet(network), member);
    this.store.deleteMember(network, sandbox);
  }

  /** Keeps the hosts files of all who are on these networks, or were, what they should be. */
  async #announce(networks: readonly string[], also?: SandboxId): Promise<void> {
    const ids = new Set(networks.flatMap((network) => [...this.#members(network).keys()]));
    if (also !== undefined) ids.add(also);
    for (const id of ids) {
      const guest = this.#running(id);
      if (guest !== undefined) await this.#host.visitor.writeHosts(guest, this.#hostLines(id));
    }
  }

  /** Every name that resolves in a sandbox, as lines of hosts(5). */
  #hostLines(sandbox: SandboxId): string {
    return this.store
      .of(sandbox)
      .flatMap((network) => [...this.#members(network)])
      .map(([id, member]) => this.#member(id, member))
      .map(({ address, names }) => `${address}\t${names.join(' ')}\n`)
      .join('');
  }

  #record(name: string): NetworkRecord {
    const { subnet, createdMs } = this.store.read(name);
    const members = [...this.#members(name)].map(([id, member]) => this.#member(id, member));
    return { name, subnet, gateway: gatewayOf(parseSubnet(subnet)), createdMs, members };
  }

  #member(id: SandboxId, member: MemberFile): NetworkMember {
    const name = this.#nameOf(id);
    const names = [...(name === undefined ? [] : [name]), id.replace('_', '-'), ...member.aliases];
    return { sandbox: id, address: member.address, names: [...new Set(names)] };
  }

  /** One whose state cannot be read has its id for a name. */
  #nameOf(id: SandboxId): string | undefined {
    try {
      return this.#host.guest(id).spec.name;
    } catch (error) {
      if (error instanceof SovereignError) return undefined;
      throw error;
    }
  }

  /** Those whose sandbox is there: what a crash in the middle of a removal leaves is nobody. */
  #members(name: string): ReadonlyMap<SandboxId, MemberFile> {
    const ids = new Set(this.#host.state.ids());
    return new Map([...this.store.members(name)].filter(([id]) => ids.has(id)));
  }

  #subnet(name: string): Subnet {
    return parseSubnet(this.store.read(name).subnet);
  }

  #freeDevice(sandbox: SandboxId): string {
    const networks = this.store.of(sandbox);
    const taken = new Set(networks.map((network) => this.store.members(network).get(sandbox)?.device));
    for (let index = 0; index < maxDevices; index++) if (!taken.has(`eth${index}`)) return `eth${index}`;
    throw tooMany(`${networks.length} networks`, maxDevices);
  }

  #running(sandbox: SandboxId): ProcessIdentity | undefined {
    const guest = this.#host.state.readGuest(sandbox);
    return guest !== undefined && isAlive(guest) ? guest : undefined;
  }

  #locked<T>(work: () => Promise<T>): Promise<T> {
    mkdirSync(this.#host.directory, { recursive: true, mode: 0o700 });
    return withFileLock(join(this.#host.directory, 'networks.lock'), work);
  }
}

function networkInUse(name: string, member: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'network.in-use',
    message: `Network ${name} cannot be removed: ${member} is connected to it.`,
    hint: `Disconnect it: sovereign network disconnect ${name} ${member}`,
    context: { network: name, sandbox: member },
  });
}

function connectedAlready(network: string, sandbox: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'network.exists',
    message: `${sandbox} is connected to ${network} already.`,
    hint: 'See: sovereign network ls',
    context: { network, sandbox },
  });
}

function notConnected(network: string, sandbox: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'network.not-found',
    message: `${sandbox} is not connected to ${network}.`,
    hint: 'See: sovereign network ls',
    context: { network, sandbox },
  });
}

function hasHostNetwork(sandbox: SandboxId): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `${sandbox} has the host's network and cannot be connected to another.`,
    hint: 'Make it without --network host.',
    context: { sandbox },
  });
}

function tooMany(what: string, most: number): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `A sandbox cannot have ${what} (at most ${most} expected).`,
    hint: 'Take some away.',
  });
}
