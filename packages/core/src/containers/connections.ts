import type { LinkRecord, PublishedPort } from '../contract/brokering.ts';
import type { SandboxId } from '../contract/sandbox-spec.ts';
import type { NetworkTopology } from '../contract/topology.ts';
import type { RuntimeNetwork } from '../runtime/runtime-network.ts';
import type { PublishOptions } from '../runtime/sandbox-network.ts';
import type { ContainerHost } from './container-host.ts';

/** What goes through the broker in and out of one container. */
export interface BrokeredConnections {
  readonly links: readonly LinkRecord[];
  readonly ports: readonly PublishedPort[];
}

/** Brokered connections by ids and names (R-PRIM-3, R-NEW-2): each call is the action of the sandbox or the network it concerns. */
export class Connections {
  readonly #host: ContainerHost;
  readonly #network: RuntimeNetwork;

  constructor(host: ContainerHost, network: RuntimeNetwork) {
    this.#host = host;
    this.#network = network;
  }

  /** Notes that a port is meant to be reached. */
  async expose(container: string, port: number): Promise<void> {
    const handle = await this.#host.attach(container);
    await handle.network.expose(port);
  }

  /** @throws SovereignError `port.taken` */
  async bind(container: string, options: PublishOptions): Promise<PublishedPort> {
    const handle = await this.#host.attach(container);
    return handle.network.publish(options);
  }

  /** @throws SovereignError `link.exists`, `port.taken`, `sandbox.not-running` */
  async establish(from: string, to: string, port: number): Promise<LinkRecord> {
    const [source, target] = [await this.#host.attach(from), await this.#host.attach(to)];
    return this.#network.establish(source, target, port);
  }

  /** Drops open connections at once. @throws SovereignError `link.not-found` */
  async sever(from: string, to: string, port: number): Promise<void> {
    const [source, target] = [await this.#host.find(from), await this.#host.find(to)];
    await this.#network.sever(source.guest.id, target.guest.id, port);
  }

  topology(): Promise<NetworkTopology> {
    return this.#network.topology();
  }

  of(container: SandboxId): Promise<BrokeredConnections> {
    return this.#network.of(container);
  }
}
