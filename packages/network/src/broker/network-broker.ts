import type {
  BindOptions,
  BrokeredNetwork,
  BrokeredSandbox,
  Brokering,
  BrokerRecord,
  EgressDecision,
  EgressRecord,
  ExposedPort,
  LinkRecord,
  PublishedPort,
  SandboxId,
} from '@sovereign/core';
import { EgressGate } from '../egress/egress-gate.ts';
import { EgressProxy } from '../egress/egress-proxy.ts';
import { defaultEgressLimits, type EgressLimits } from '../egress/limits.ts';
import { BoundedResolver, systemResolve, type Resolve } from '../egress/resolver.ts';
import { EgressPolicy } from '../rules/egress-policy.ts';
import { checkRoom, hasHostNetwork, linkExists, linkNotFound, portNotFound } from './broker-errors.ts';
import type { BrokerRecords } from './broker-records.ts';
import { EgressDoor, proxyEnvironment } from './egress-door.ts';
import { Link } from './link.ts';
import { linkAddress, linkNames } from './link-address.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { PortDoor } from './published-port.ts';

export interface NetworkBrokerOptions {
  /** Where what is held is written down for other processes to see. */
  readonly records: BrokerRecords;
  /** Default: the host's own. */
  readonly resolve?: Resolve;
  readonly limits?: Partial<EgressLimits>;
  /** Default: the system clock. */
  readonly nowMs?: () => number;
}

/** Holds links, published ports and egress of sandboxes, by tunnels through their channels. */
export class NetworkBroker implements Brokering {
  readonly #records: BrokerRecords;
  readonly #resolver: BoundedResolver;
  readonly #limits: EgressLimits;
  readonly #nowMs: () => number;
  readonly #egress = new Map<SandboxId, EgressDoor>();
  readonly #ports = new Map<string, PortDoor>();
  readonly #exposed = new Map<string, ExposedPort>();
  readonly #links = new Map<string, Link>();
  readonly #listeners = new Set<(decision: EgressDecision) => void>();
  readonly #turns = new OneAtATime();
  #onEmpty: (() => void)[] = [];
  readonly #onChange = (): void => {
    this.#changed();
  };

  constructor(options: NetworkBrokerOptions) {
    this.#records = options.records;
    this.#resolver = new BoundedResolver(options.resolve ?? systemResolve);
    this.#limits = { ...defaultEgressLimits, ...options.limits };
    this.#nowMs = options.nowMs ?? Date.now;
  }

  setEgress(sandbox: BrokeredSandbox, rules: readonly string[]): Promise<EgressRecord> {
    const policy = new EgressPolicy(rules);
    return this.#turns.run(async () => {
      const known = this.#egress.get(sandbox.id);
      known?.setRules(policy);
      const door = known ?? (await this.#openEgress(sandbox, policy));
      this.#changed();
      return door.record;
    });
  }

  exposePort(sandbox: BrokeredSandbox, port: number): Promise<void> {
    this.#exposed.set(`${sandbox.id} ${port}`, { sandbox: sandbox.id, port });
    this.#changed();
    return Promise.resolve();
  }

  bindPort(sandbox: BrokeredSandbox, options: BindOptions): Promise<PublishedPort> {
    return this.#turns.run(async () => {
      checkRoom(this.#ports.size);
      const door = await PortDoor.open({ sandbox, ...options, ...this.#notices(sandbox) });
      const { record } = door;
      this.#ports.set(portKey(record), door);
      this.#changed();
      return record;
    });
  }

  unbindPort(sandbox: SandboxId, options: BindOptions): Promise<void> {
    return this.#turns.run(async () => {
      const key = portKey({ sandbox, ...options });
      const door = this.#ports.get(key);
      if (door === undefined) throw portNotFound(sandbox, options);
      this.#ports.delete(key);
      this.#changed();
      await door.close();
    });
  }

  link(from: BrokeredSandbox, to: BrokeredSandbox, port: number): Promise<LinkRecord> {
    return this.#turns.run(async () => {
      const key = linkKey(from.id, to.id, port);
      if (this.#links.has(key)) throw linkExists(from, to, port);
      checkRoom(this.#links.size);
      const own = [...this.#links.values()].filter((link) => link.from.id === from.id);
      const same = own.find((link) => link.to.id === to.id);
      const link = await Link.open({
        from,
        to,
        port,
        address: same?.address ?? linkAddress(to.id, (address) => own.some((one) => one.address === address)),
        onGone: ({ id }) => void this.release(id),
        onChange: this.#onChange,
      });
      this.#links.set(key, link);
      this.#changed();
      return link.record;
    });
  }

  sever(from: SandboxId, to: SandboxId, port: number): Promise<void> {
    return this.#turns.run(async () => {
      const key = linkKey(from, to, port);
      const link = this.#links.get(key);
      if (link === undefined) throw linkNotFound(from, to, port);
      this.#links.delete(key);
      this.#changed();
      await link.close();
    });
  }

  environmentOf(sandbox: SandboxId): Readonly<Record<string, string>> {
    const all = [this.#network(), ...this.#records.others()];
    if (!all.some(({ egress }) => egress.some((one) => one.sandbox === sandbox))) return {};
    const links = all.flatMap((one) => one.links).filter(({ from }) => from === sandbox);
    return proxyEnvironment([...new Set(links.flatMap(({ names, address }) => [...names, address]))]);
  }

  list(): Promise<readonly BrokerRecord[]> {
    const own = { pid: process.pid, isDetached: false, ...this.#network() };
    return Promise.resolve([own, ...this.#records.others()]);
  }

  endBroker(pid: number): Promise<void> {
    return this.#records.end(pid);
  }

  async revive(sandbox: SandboxId): Promise<void> {
    const links = [...this.#links.values()].filter(({ from, to }) => [from.id, to.id].includes(sandbox));
    await Promise.all([this.#egress.get(sandbox)?.revive(), ...links.map((link) => link.revive())]);
  }

  release(sandbox: SandboxId): Promise<void> {
    return this.#turns.run(async () => {
      const gone: { close(): Promise<void> }[] = [];
      const door = this.#egress.get(sandbox);
      if (door !== undefined) gone.push(door);
      this.#egress.delete(sandbox);
      for (const [key, port] of this.#ports) {
        if (port.sandbox.id === sandbox && this.#ports.delete(key)) gone.push(port);
      }
      for (const [key, link] of this.#links) {
        if ((link.from.id === sandbox || link.to.id === sandbox) && this.#links.delete(key)) gone.push(link);
      }
      for (const [key, exposed] of this.#exposed) if (exposed.sandbox === sandbox) this.#exposed.delete(key);
      this.#changed();
      await closeAll(gone);
    });
  }

  onDecision(listener: (decision: EgressDecision) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  whenEmpty(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty.push(resolve);
      this.#changed();
    });
  }

  close(): Promise<void> {
    return this.#turns.run(async () => {
      const all = [...this.#egress.values(), ...this.#ports.values(), ...this.#links.values()];
      this.#egress.clear();
      this.#ports.clear();
      this.#links.clear();
      this.#exposed.clear();
      this.#changed();
      await closeAll(all);
    });
  }

  async #openEgress(sandbox: BrokeredSandbox, policy: EgressPolicy): Promise<EgressDoor> {
    checkRoom(this.#egress.size);
    if (sandbox.hasHostNetwork) throw hasHostNetwork(sandbox);
    const gate = new EgressGate({
      sandbox,
      policy,
      resolver: this.#resolver,
      limits: this.#limits,
      nowMs: this.#nowMs,
      onDecision: (decision) => {
        this.#tell(decision);
      },
      linkTo: (name, port) => this.#linkTo(sandbox.id, name, port)?.dial(),
    });
    const door = await EgressDoor.open({
      sandbox,
      proxy: new EgressProxy(gate, this.#limits),
      ...this.#notices(sandbox),
    });
    this.#egress.set(sandbox.id, door);
    return door;
  }

  /** What is kept for a sandbox says when it comes and goes, and when the sandbox is no more. */
  #notices(sandbox: BrokeredSandbox): { readonly onGone: () => void; readonly onChange: () => void } {
    return { onGone: () => void this.release(sandbox.id), onChange: this.#onChange };
  }

  #linkTo(from: SandboxId, name: string, port: number): Link | undefined {
    return [...this.#links.values()].find(
      (link) =>
        link.from.id === from &&
        link.port === port &&
        (linkNames(link.to).includes(name) || link.address === name),
    );
  }

  #tell(decision: EgressDecision): void {
    for (const listener of this.#listeners) {
      try {
        listener(decision);
      } catch {
        // What watches decisions must not change them.
      }
    }
  }

  #network(): BrokeredNetwork {
    return {
      egress: [...this.#egress.values()].map(({ record }) => record),
      ports: [...this.#ports.values()].map(({ record }) => record),
      exposed: [...this.#exposed.values()],
      links: [...this.#links.values()].map(({ record }) => record),
    };
  }

  #changed(): void {
    const network = this.#network();
    this.#records.write(network);
    if (this.#onEmpty.length === 0) return;
    if (network.egress.length + network.ports.length + network.links.length > 0) return;
    const resolves = this.#onEmpty;
    this.#onEmpty = [];
    for (const resolve of resolves) resolve();
  }
}

function portKey(port: PublishedPort): string {
  return `${port.sandbox} ${port.port} ${port.hostAddress} ${port.hostPort}`;
}

function linkKey(from: SandboxId, to: SandboxId, port: number): string {
  return `${from} ${to} ${port}`;
}

async function closeAll(all: readonly { close(): Promise<void> }[]): Promise<void> {
  await Promise.allSettled(all.map((one) => one.close()));
}
