import { isIP } from 'node:net';
import { SovereignError } from '@sovereign/protocol';
import type { Action } from '../contract/action.ts';
import type {
  BindOptions,
  BrokeredSandbox,
  Brokering,
  EgressRecord,
  PublishedPort,
} from '../contract/brokering.ts';
import type { OutcomeFacts } from './action-path.ts';
import { checkString, checkWhole, invalid } from './argument-checks.ts';
import { Environment } from './environment.ts';
import type { LiveSandbox } from './live-sandbox.ts';

export interface PublishOptions {
  /** Where a server listens inside. */
  readonly port: number;
  /** Port of this host; 0 takes any that is free. Default 0. */
  readonly hostPort?: number;
  /** Address of this host to listen on. Default `127.0.0.1`: nobody else's business. */
  readonly hostAddress?: string;
}

/** What one sandbox may reach, and where it is reached: brokered over its channel, each call an action. */
export class SandboxNetwork {
  readonly #live: LiveSandbox;
  readonly #brokering: Brokering | undefined;

  constructor(live: LiveSandbox, brokering: Brokering | undefined) {
    this.#live = live;
    this.#brokering = brokering;
  }

  /**
   * Sets what commands may connect to, by rules such as `example.com`, `*.example.com:443` or `10.0.0.0/8:5432`; an empty
   * list allows nothing. Takes effect for the next connection; commands that are started from now on are told of the proxy.
   *
   * @throws SovereignError `argument.invalid`, `port.taken`, `sandbox.not-running`
   */
  async setEgress(rules: readonly string[]): Promise<EgressRecord> {
    if (!Array.isArray(rules)) throw invalid('rules', rules, 'a list of rules');
    for (const rule of rules) checkString('rules', rule);
    const record = await this.#perform({ kind: 'egress.set', sandbox: this.#live.id, rules }, (brokering) =>
      brokering.setEgress(this.brokered, rules),
    );
    this.refreshEnvironment();
    return record;
  }

  /** Notes that a port is meant to be reached. Opens nothing; the topology shows it. */
  async expose(port: number): Promise<void> {
    checkPort('port', port);
    await this.#perform({ kind: 'port.expose', sandbox: this.#live.id, port }, (brokering) =>
      brokering.exposePort(this.brokered, port),
    );
  }

  /** @throws SovereignError `port.taken`, `argument.invalid` */
  async publish(options: PublishOptions): Promise<PublishedPort> {
    const bind = bindOptions(options);
    return this.#perform(
      { kind: 'port.bind', sandbox: this.#live.id, ...bind },
      (brokering) => brokering.bindPort(this.brokered, bind),
      ({ hostPort }) => ({ hostPort }),
    );
  }

  /** @throws SovereignError `port.not-found` */
  async unpublish(options: PublishOptions): Promise<void> {
    const bind = bindOptions(options);
    await this.#perform({ kind: 'port.unbind', sandbox: this.#live.id, ...bind }, (brokering) =>
      brokering.unbindPort(this.#live.id, bind),
    );
  }

  /** The sandbox as its broker sees it. */
  get brokered(): BrokeredSandbox {
    const live = this.#live;
    const { spec } = live.guest;
    return {
      id: live.id,
      name: spec.name ?? null,
      tier: live.report.tier,
      hasHostNetwork: spec.network === 'host',
      channel: () => live.channels.get(),
      exists: () => live.exists(),
      beginConnect: (host, port) =>
        live.actions.begin({ kind: 'egress.connect', sandbox: live.id, host, port }, live.report),
    };
  }

  /** What commands that are started from now on are told: where the proxy is, which names go past it. */
  refreshEnvironment(): void {
    const { guest } = this.#live;
    const proxy = this.#brokering?.environmentOf(this.#live.id) ?? {};
    this.#live.env = Environment.of(guest.baseEnv, proxy, guest.spec.env);
  }

  /** The sandbox was started again. */
  async revive(): Promise<void> {
    await this.#brokering?.revive(this.#live.id);
  }

  /** The sandbox is gone, or nobody holds it any more: links, ports and egress end. */
  async release(): Promise<void> {
    await this.#brokering?.release(this.#live.id);
  }

  async #perform<T>(
    action: Action,
    run: (brokering: Brokering) => Promise<T>,
    facts?: (result: T) => OutcomeFacts,
  ): Promise<T> {
    const brokering = requireBrokering(this.#brokering);
    await this.#live.channels.get();
    return this.#live.actions.perform({ action, runtime: this.#live.report, ...(facts && { facts }) }, () =>
      run(brokering),
    );
  }
}

/** @throws SovereignError `capability.missing` */
export function requireBrokering(brokering: Brokering | undefined): Brokering {
  if (brokering !== undefined) return brokering;
  throw new SovereignError({
    reason: 'capability.missing',
    message: 'This runtime brokers no network.',
    hint: 'Open an engine that does.',
  });
}

export function checkPort(name: string, port: number): void {
  checkWhole(name, port, { min: 1, max: 65_535 });
}

function bindOptions(options: PublishOptions): BindOptions {
  const { port, hostPort = 0, hostAddress = '127.0.0.1' } = options;
  checkPort('port', port);
  checkWhole('hostPort', hostPort, { min: 0, max: 65_535 });
  checkString('hostAddress', hostAddress);
  if (isIP(hostAddress) === 0) throw invalid('hostAddress', hostAddress, 'an IP address of this host');
  return { port, hostPort, hostAddress };
}
