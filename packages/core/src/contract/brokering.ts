import type { Tier } from '@sovereign/protocol';
import type { Denial } from './denial.ts';
import type { GuestChannel } from './guest-channel.ts';
import type { SandboxId } from './sandbox-spec.ts';

/** A connection whose intent is recorded. One of the methods is called before anybody hears of the result. */
export interface BegunConnect {
  succeed(facts: Readonly<Record<string, string | number | boolean | null>>): void;
  /** Records the failure and returns what is to be thrown. */
  fail(error: unknown): Error;
}

/** A sandbox as a broker needs it. */
export interface BrokeredSandbox {
  readonly id: SandboxId;
  /** Null when it has none. */
  readonly name: string | null;
  readonly tier: Tier;
  /** It was given the host's network: what listens on its loopback listens on the host's. */
  readonly hasHostNetwork: boolean;
  /**
   * The open channel to it, opened anew when it broke.
   *
   * @throws SovereignError `sandbox.not-running`, `sandbox.not-found`, `tier.unhealthy` …
   */
  channel(): Promise<GuestChannel>;
  /** Whether there is still such a sandbox, whatever its state. */
  exists(): Promise<boolean>;
  /** Records that somebody inside asks for a connection, before it is judged and made. */
  beginConnect(host: string, port: number): BegunConnect;
}

/** What became of one connection that somebody inside asked for. */
export interface EgressDecision {
  /** Unix time in milliseconds. */
  readonly atMs: number;
  readonly sandbox: SandboxId;
  readonly host: string;
  readonly port: number;
  readonly isAllowed: boolean;
  /** The rule that allowed it, or why it was denied. */
  readonly rule: string;
  /** What was connected to; null when it was denied. */
  readonly address: string | null;
  /** Null when it was allowed. */
  readonly denial: Denial | null;
}

/** The egress of one sandbox. */
export interface EgressRecord {
  readonly sandbox: SandboxId;
  /** In their usual spelling. */
  readonly rules: readonly string[];
  /** URL of the proxy, inside. */
  readonly proxy: string;
}

export interface PublishedPort {
  readonly sandbox: SandboxId;
  /** Inside. */
  readonly port: number;
  readonly hostAddress: string;
  readonly hostPort: number;
}

export interface ExposedPort {
  readonly sandbox: SandboxId;
  readonly port: number;
}

/** A way from one sandbox to one port of another. */
export interface LinkRecord {
  readonly from: SandboxId;
  readonly to: SandboxId;
  readonly port: number;
  /** Loopback address inside `from` at which it is reached. */
  readonly address: string;
  /** Names inside `from` for that address: empty where the guest has no hosts file of ours. */
  readonly names: readonly string[];
  /** `waiting`: one of both does not run; it is restored by itself when it does again. */
  readonly state: 'open' | 'waiting';
}

/** What is brokered, by whichever process. */
export interface BrokeredNetwork {
  readonly egress: readonly EgressRecord[];
  readonly ports: readonly PublishedPort[];
  readonly exposed: readonly ExposedPort[];
  readonly links: readonly LinkRecord[];
}

/** Process that holds a part of the network: it lasts as long as that process. */
export interface BrokerRecord extends BrokeredNetwork {
  readonly pid: number;
  /** A process of its own for this, as against a program that uses the sdk, or a command that waits. */
  readonly isDetached: boolean;
}

export interface BindOptions {
  readonly port: number;
  /** Address of this host to listen on. */
  readonly hostAddress: string;
  /** 0 takes any that is free. */
  readonly hostPort: number;
}

/**
 * Networks of sandboxes over their channels, also where there is no network card: egress through a proxy by name,
 * published ports, links. Everything lasts until it is taken away, the sandbox is released or the broker closed; a sandbox that stops
 * and starts again finds its links, ports and egress restored.
 */
export interface Brokering {
  /**
   * Sets what the sandbox may connect to; the first call opens its proxy, later ones change the rules, also for connections
   * that are asked for from now on only. An empty list allows nothing and keeps the proxy.
   *
   * @throws SovereignError `argument.invalid`, `port.taken` when something inside listens where the proxy would
   */
  setEgress(sandbox: BrokeredSandbox, rules: readonly string[]): Promise<EgressRecord>;
  /** Notes that a port is meant to be reached; opens nothing. */
  exposePort(sandbox: BrokeredSandbox, port: number): Promise<void>;
  /** @throws SovereignError `port.taken`, `argument.invalid` */
  bindPort(sandbox: BrokeredSandbox, options: BindOptions): Promise<PublishedPort>;
  /** @throws SovereignError `port.not-found` */
  unbindPort(sandbox: SandboxId, options: BindOptions): Promise<void>;
  /** @throws SovereignError `link.exists`, `port.taken`, `sandbox.not-running`, `argument.invalid` */
  link(from: BrokeredSandbox, to: BrokeredSandbox, port: number): Promise<LinkRecord>;
  /** Cuts a link, and its open connections at once. @throws SovereignError `link.not-found` */
  sever(from: SandboxId, to: SandboxId, port: number): Promise<void>;
  /** Environment that commands of the sandbox get: where the proxy is. Empty without egress. */
  environmentOf(sandbox: SandboxId): Readonly<Record<string, string>>;
  /** Everything that is brokered by processes of this state directory, this one first. */
  list(): Promise<readonly BrokerRecord[]>;
  /**
   * Ends a process of this state directory that exists for what it brokers, and with it all that it holds.
   *
   * @throws SovereignError `broker.not-found` when there is none with that pid, or it does more than that
   */
  endBroker(pid: number): Promise<void>;
  /** The sandbox runs again: what waits for it is restored now. */
  revive(sandbox: SandboxId): Promise<void>;
  /** The sandbox is gone: nothing of it is held any more. */
  release(sandbox: SandboxId): Promise<void>;
  /** Calls the listener for each decision of egress. Returns how to end that. What it throws is swallowed. */
  onDecision(listener: (decision: EgressDecision) => void): () => void;
  /** Resolves when nothing is held any more, for a process that exists for that. */
  whenEmpty(): Promise<void>;
  close(): Promise<void>;
}
