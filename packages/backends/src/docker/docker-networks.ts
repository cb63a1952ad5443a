import * as v from 'valibot';
import { SovereignError } from '@sovereign/protocol';
import {
  isSandboxId,
  type NetworkMember,
  type NetworkRecord,
  type Networks,
  type SandboxId,
} from '@sovereign/core';
import { readAnswer, readSummaries } from './container-state.ts';
import type { EngineClient } from './engine-client.ts';
import { EngineRefusal, meaningOf } from './engine-errors.ts';
import { containerName, labels, ownName, type DockerHome } from './sandbox-labels.ts';

const text = v.optional(v.nullable(v.string()), '');
const networkSchema = v.object({
  Name: v.string(),
  Id: v.string(),
  Created: text,
  Labels: v.optional(v.nullable(v.record(v.string(), v.string()))),
  IPAM: v.optional(
    v.nullable(
      v.object({ Config: v.optional(v.nullable(v.array(v.object({ Subnet: text, Gateway: text })))) }),
    ),
  ),
});
type Network = v.InferOutput<typeof networkSchema>;

const attachmentSchema = v.object({
  IPAddress: text,
  Aliases: v.optional(v.nullable(v.array(v.string()))),
  NetworkID: text,
});
const memberSchema = v.object({
  Config: v.object({ Labels: v.optional(v.nullable(v.record(v.string(), v.string()))) }),
  NetworkSettings: v.object({ Networks: v.optional(v.nullable(v.record(v.string(), attachmentSchema))) }),
});

/** Bridges of one state directory. The engine resolves names on them. */
export class DockerNetworks implements Networks {
  readonly #client: EngineClient;
  readonly #home: DockerHome;

  constructor(client: EngineClient, home: DockerHome) {
    this.#client = client;
    this.#home = home;
  }

  async create(name: string, options: { readonly subnet?: string } = {}): Promise<NetworkRecord> {
    if ((await this.#find(name)) !== undefined) throw exists('network', name);
    const home = this.#home.home();
    try {
      await this.#client.json({
        method: 'POST',
        path: '/networks/create',
        body: {
          Name: ownName(home, name),
          CheckDuplicate: true,
          Driver: 'bridge',
          Labels: { [labels.home]: home, [labels.name]: name },
          ...(options.subnet !== undefined && {
            IPAM: { Driver: 'default', Config: [{ Subnet: options.subnet }] },
          }),
        },
      });
    } catch (error) {
      const taken = { reason: 'network.conflict', hint: 'Choose another subnet.' } as const;
      throw meaningOf(error, `Network ${name} could not be made`, [
        { status: 409, says: /exists/, reason: 'network.exists', hint: 'Choose another name.' },
        ...[400, 403, 409, 500].map((status) => ({
          status,
          says: /overlap|already (used|being used)|subnet .* used|conflict/i,
          ...taken,
        })),
        {
          status: 500,
          says: /invalid (subnet|cidr)/i,
          reason: 'argument.invalid',
          hint: 'Give a subnet such as 10.77.0.0/24.',
        },
        { status: 400, reason: 'argument.invalid', hint: 'Give a subnet such as 10.77.0.0/24.' },
      ]);
    }
    const found = await this.#find(name);
    if (found === undefined) throw notFound(name);
    return this.#record(found);
  }

  async list(): Promise<readonly NetworkRecord[]> {
    if (!this.#home.hasHome()) return [];
    const filters = JSON.stringify({ label: [`${labels.home}=${this.#home.home()}`] });
    try {
      const answer = await this.#client.json({ method: 'GET', path: '/networks', query: { filters } });
      const found = readAnswer(v.array(networkSchema), answer, 'the list of networks');
      return await Promise.all(found.map((network) => this.#record(network)));
    } catch (error) {
      throw meaningOf(error, 'Networks could not be listed');
    }
  }

  async remove(name: string): Promise<void> {
    if ((await this.#find(name)) === undefined) throw notFound(name);
    const inUse = { reason: 'network.in-use', hint: 'Disconnect its members first.' } as const;
    try {
      await this.#client.json({ method: 'DELETE', path: `/networks/${this.#path(name)}` });
    } catch (error) {
      throw meaningOf(error, `Network ${name} could not be removed`, [
        { status: 404, reason: 'network.not-found', hint: 'It was removed meanwhile.' },
        { status: 403, ...inUse },
        { status: 409, ...inUse },
        { status: 500, says: /active endpoints|in use|being used/, ...inUse },
      ]);
    }
  }

  async connect(
    network: string,
    sandbox: SandboxId,
    options: { readonly aliases?: readonly string[] } = {},
  ): Promise<NetworkMember> {
    const found = await this.#find(network);
    if (found === undefined) throw notFound(network);
    if (await this.#member(found, sandbox)) throw exists('member', `${sandbox} on ${network}`);
    // Docker lets a container without network join one only after it has left `none`.
    await this.#leave('none', sandbox).catch((error: unknown) => {
      if (!(error instanceof EngineRefusal)) throw error;
    });
    try {
      await this.#client.json({
        method: 'POST',
        path: `/networks/${this.#path(network)}/connect`,
        body: { Container: containerName(sandbox), EndpointConfig: { Aliases: options.aliases ?? [] } },
      });
    } catch (error) {
      throw meaningOf(error, `${sandbox} could not be connected to network ${network}`, [
        { status: 404, reason: 'sandbox.not-found', hint: 'List them with `sovereign ps --all`.' },
        {
          status: 500,
          says: /network mode|slirp|"none"|not supported/i,
          reason: 'capability.missing',
          hint: 'Podman connects only sandboxes that were made with a network: use Docker or quilt.',
        },
        {
          status: 403,
          says: /already exists|exists in network/,
          reason: 'network.exists',
          hint: 'It is connected already.',
        },
        { status: 500, reason: 'network.failed', hint: 'Look at the log of the engine.' },
      ]);
    }
    const member = await this.#member(found, sandbox);
    if (member !== undefined) return member;
    throw new SovereignError({
      reason: 'network.failed',
      message: `${sandbox} was connected to network ${network}, and has no address there.`,
      hint: 'Is it running? Start it.',
      context: { sandbox, network },
    });
  }

  async disconnect(network: string, sandbox: SandboxId): Promise<void> {
    if ((await this.#find(network)) === undefined) throw notFound(network);
    try {
      await this.#leave(this.#path(network), sandbox);
    } catch (error) {
      throw meaningOf(error, `${sandbox} could not be disconnected from network ${network}`, [
        { status: 404, reason: 'sandbox.not-found', hint: 'List them with `sovereign ps --all`.' },
        { status: 403, reason: 'network.not-found', hint: 'It is not connected to that network.' },
        {
          status: 500,
          says: /not connected/,
          reason: 'network.not-found',
          hint: 'It is not connected to that network.',
        },
      ]);
    }
  }

  async #leave(path: string, sandbox: SandboxId): Promise<void> {
    const body = { Container: containerName(sandbox), Force: false };
    await this.#client.json({ method: 'POST', path: `/networks/${path}/disconnect`, body });
  }

  #path(name: string): string {
    return encodeURIComponent(ownName(this.#home.home(), name));
  }

  async #find(name: string): Promise<Network | undefined> {
    try {
      const answer = await this.#client.json({ method: 'GET', path: `/networks/${this.#path(name)}` });
      return readAnswer(networkSchema, answer, 'a network');
    } catch (error) {
      if (error instanceof EngineRefusal && error.status === 404) return undefined;
      throw meaningOf(error, `Network ${name} could not be looked at`);
    }
  }

  async #record(network: Network): Promise<NetworkRecord> {
    const query = { all: true, filters: JSON.stringify({ network: [network.Name] }) };
    const users = readSummaries(await this.#client.json({ method: 'GET', path: '/containers/json', query }));
    const ids = users.map(({ Labels }) => Labels?.[labels.sandbox] ?? '').filter(isSandboxId);
    const members = await Promise.all(ids.map((id) => this.#member(network, id)));
    const { Subnet, Gateway } = network.IPAM?.Config?.[0] ?? { Subnet: '', Gateway: '' };
    const createdMs = Date.parse(network.Created ?? '');
    return {
      name: network.Labels?.[labels.name] ?? network.Name,
      subnet: Subnet ?? '',
      gateway: Gateway ?? '',
      createdMs: Number.isNaN(createdMs) ? 0 : createdMs,
      members: members.filter((member) => member !== undefined),
    };
  }

  async #member(network: Network, sandbox: SandboxId): Promise<NetworkMember | undefined> {
    try {
      const path = `/containers/${containerName(sandbox)}/json`;
      const { Config, NetworkSettings } = readAnswer(
        memberSchema,
        await this.#client.json({ method: 'GET', path }),
        'a container',
      );
      if (Config.Labels?.[labels.home] !== this.#home.home()) return undefined;
      const attachment = NetworkSettings.Networks?.[network.Name];
      if (attachment === undefined) return undefined;
      const short = /^[0-9a-f]{12}$/;
      const names = (attachment.Aliases ?? []).filter((alias) => !short.test(alias));
      return { sandbox, address: attachment.IPAddress ?? '', names: [containerName(sandbox), ...names] };
    } catch (error) {
      if (error instanceof EngineRefusal && error.status === 404) return undefined;
      throw error;
    }
  }
}

function notFound(name: string): SovereignError {
  return new SovereignError({
    reason: 'network.not-found',
    message: `No network has the name ${JSON.stringify(name.slice(0, 64))}.`,
    hint: `Make it: sovereign network create ${name.slice(0, 64)}`,
    context: { network: name.slice(0, 64) },
  });
}

function exists(what: 'network' | 'member', name: string): SovereignError {
  return new SovereignError({
    reason: 'network.exists',
    message:
      what === 'network' ? `A network of the name ${name} exists.` : `It is connected already: ${name}.`,
    hint: what === 'network' ? 'Choose another name.' : 'Nothing to do.',
    context: { name },
  });
}
