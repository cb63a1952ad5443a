import { isIP } from 'node:net';
import type { Action } from '../contract/action.ts';
import type { NetworkMember, NetworkRecord } from '../contract/container-engine.ts';
import type { SandboxId } from '../contract/sandbox-spec.ts';
import { invalid } from '../runtime/argument-checks.ts';
import { checkResourceName } from '../runtime/create-options.ts';
import type { ContainerHost } from './container-host.ts';
import { engineOf, requireAbility, type ChosenEngine } from './engine-choice.ts';
import type { EngineOption } from './images.ts';

/** A network and the address that a container has on it. */
export interface Membership {
  readonly network: string;
  readonly subnet: string;
  readonly gateway: string;
  readonly address: string;
  readonly names: readonly string[];
}

const maxAliases = 16;

/** Real networks between containers, for those who ask for them; each operation an action. */
export class Bridges {
  readonly #host: ContainerHost;

  constructor(host: ContainerHost) {
    this.#host = host;
  }

  /** @throws SovereignError `network.exists`, `network.conflict` when the subnet is in use on this host */
  async create(
    name: string,
    options: EngineOption & { readonly subnet?: string } = {},
  ): Promise<NetworkRecord> {
    checkResourceName('network', name);
    const { subnet } = options;
    if (subnet !== undefined) checkSubnet(subnet);
    const chosen = await this.#pick(options.engine);
    const action = { kind: 'network.create', network: name, subnet: subnet ?? null } as const;
    return this.#perform(chosen, action, () =>
      chosen.engine.networks.create(name, subnet === undefined ? {} : { subnet }),
    );
  }

  async list(options: EngineOption = {}): Promise<readonly NetworkRecord[]> {
    const chosen = await this.#pick(options.engine);
    return this.#perform(chosen, { kind: 'network.list' }, () => chosen.engine.networks.list());
  }

  /** @throws SovereignError `network.not-found`, `network.in-use` */
  async remove(name: string, options: EngineOption = {}): Promise<void> {
    checkResourceName('network', name);
    const chosen = await this.#pick(options.engine);
    return this.#perform(chosen, { kind: 'network.remove', network: name }, () =>
      chosen.engine.networks.remove(name),
    );
  }

  /** @throws SovereignError `network.not-found`, `network.exists` when it is connected already */
  async connect(
    network: string,
    container: string,
    options: { readonly aliases?: readonly string[] } = {},
  ): Promise<NetworkMember> {
    checkResourceName('network', network);
    const { aliases } = options;
    if (aliases !== undefined) checkAliases(aliases);
    const { chosen, id } = await this.#of(container);
    return this.#perform(chosen, { kind: 'network.connect', sandbox: id, network }, () =>
      chosen.engine.networks.connect(network, id, aliases === undefined ? {} : { aliases }),
    );
  }

  /** @throws SovereignError `network.not-found`, also when it is not connected */
  async disconnect(network: string, container: string): Promise<void> {
    checkResourceName('network', network);
    const { chosen, id } = await this.#of(container);
    return this.#perform(chosen, { kind: 'network.disconnect', sandbox: id, network }, () =>
      chosen.engine.networks.disconnect(network, id),
    );
  }

  /** Networks that a container is on; none on a backend without networks. Looks, and is no action of its own. */
  async of({
    chosen,
    id,
  }: {
    readonly chosen: ChosenEngine;
    readonly id: SandboxId;
  }): Promise<readonly Membership[]> {
    if (chosen.engine.lacks?.includes('networks') === true) return [];
    const networks = await chosen.engine.networks.list();
    return networks.flatMap(({ name, subnet, gateway, members }) =>
      members
        .filter(({ sandbox }) => sandbox === id)
        .map(({ address, names }) => ({ network: name, subnet, gateway, address, names })),
    );
  }

  async #pick(engine: EngineOption['engine']): Promise<ChosenEngine> {
    const chosen = await this.#host.engines.pick(engine);
    requireAbility(chosen, 'networks');
    return chosen;
  }

  async #of(container: string): Promise<{ readonly chosen: ChosenEngine; readonly id: SandboxId }> {
    const { guest, backend } = await this.#host.find(container);
    const chosen = engineOf(backend);
    requireAbility(chosen, 'networks');
    return { chosen, id: guest.id };
  }

  #perform<T>(chosen: ChosenEngine, action: Action, run: () => Promise<T>): Promise<T> {
    return this.#host.actions.perform({ action, runtime: chosen.runtime }, run);
  }
}

function checkSubnet(subnet: unknown): void {
  const [address, prefix, ...rest] = typeof subnet === 'string' ? subnet.split('/') : [];
  const bits = Number(prefix);
  const isCidr =
    isIP(address ?? '') === 4 && rest.length === 0 && Number.isInteger(bits) && bits >= 8 && bits <= 30;
  if (!isCidr) throw invalid('subnet', subnet, 'IPv4 CIDR such as 10.89.0.0/24, /8 to /30');
}

function checkAliases(aliases: readonly string[]): void {
  const given: unknown = aliases;
  if (!Array.isArray(given) || given.length > maxAliases)
    throw invalid('aliases', given, `a list of at most ${maxAliases} names`);
  for (const alias of aliases) checkResourceName('aliases', alias);
}
