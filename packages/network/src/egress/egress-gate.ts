import { networkInterfaces } from 'node:os';
import { SovereignError } from '@sovereign/protocol';
import {
  toSovereignError,
  type BrokeredSandbox,
  type Denial,
  type EgressDecision,
  type Tunnel,
} from '@sovereign/core';
import { tunnelOfSocket } from '../carry/socket-tunnel.ts';
import type { EgressPolicy, EgressVerdict } from '../rules/egress-policy.ts';
import { parseHost } from '../rules/egress-rule.ts';
import { formatIp, parseIp, type IpAddress } from '../rules/ip-address.ts';
import { connectOutside } from './connect-outside.ts';
import type { EgressLimits } from './limits.ts';
import type { BoundedResolver } from './resolver.ts';
import { TokenBucket } from './token-bucket.ts';

export interface EgressGateInit {
  readonly sandbox: BrokeredSandbox;
  readonly policy: EgressPolicy;
  readonly resolver: BoundedResolver;
  readonly limits: EgressLimits;
  readonly nowMs: () => number;
  readonly onDecision: (decision: EgressDecision) => void;
  /** A connection over a link that the sandbox has to this name and port, which was judged when it was established. */
  readonly linkTo: (name: string, port: number) => Promise<Tunnel> | undefined;
}

/** A destination that was judged, recorded and connected to. */
export interface Reached {
  readonly tunnel: Tunnel;
  /** What TLS has to ask for; undefined where the request named an address. */
  readonly name: string | undefined;
}

/** The only way out of a sandbox: judge, record, connect to exactly what was judged. */
export class EgressGate {
  readonly #init: EgressGateInit;
  readonly #bucket: TokenBucket;
  #policy: EgressPolicy;
  #turnedAway = 0;

  constructor(init: EgressGateInit) {
    this.#init = init;
    this.#policy = init.policy;
    this.#bucket = new TokenBucket({ ...init.limits, nowMs: init.nowMs() });
  }

  get policy(): EgressPolicy {
    return this.#policy;
  }

  /** From the next request on. Connections that are open stay. */
  setPolicy(policy: EgressPolicy): void {
    this.#policy = policy;
  }

  /** @throws SovereignError `egress.denied`, `tunnel.refused`, `argument.invalid`, `guest.exhausted`, `ledger.unwritable` */
  async reach(host: string, port: number): Promise<Reached> {
    const linked = this.#init.linkTo(host, port);
    if (linked !== undefined) return { tunnel: await linked, name: undefined };
    if (!this.#bucket.take(this.#init.nowMs())) {
      this.#turnedAway++;
      throw tooFast();
    }
    const begun = this.#init.sandbox.beginConnect(host, port);
    let name: string | undefined;
    try {
      const target = parseHost(host);
      if (target === undefined) throw malformed(host);
      name = 'name' in target ? target.name : undefined;
      const { addresses, rule } = await this.#judge(host, target, port);
      const { tunnel, address } = await this.#connect(addresses, port);
      begun.succeed({ rule, address, ...this.#takeTurnedAway() });
      this.#tell({ host, port, isAllowed: true, rule, address, denial: null });
      return { tunnel, name };
    } catch (error) {
      const failure = toSovereignError(error);
      const denial = denialOf(failure);
      if (denial !== null)
        this.#tell({ host, port, isAllowed: false, rule: denial.rule, address: null, denial });
      throw begun.fail(failure);
    }
  }

  /** TLS asked for another name than the connection: recorded as a connection of its own, which is denied. */
  mismatch(asked: string, connected: string, port: number): Error {
    const shown = asked.slice(0, 253);
    const begun = this.#init.sandbox.beginConnect(shown, port);
    const rule = `TLS asks for another name than the connection, which is for ${connected}`;
    const failure = this.#deny(shown, port, { isAllowed: false, rule, grant: `${shown}:${port}` });
    this.#tell({ host: shown, port, isAllowed: false, rule, address: null, denial: denialOf(failure) });
    return begun.fail(failure);
  }

  async #judge(
    host: string,
    target: { readonly address: IpAddress } | { readonly name: string },
    port: number,
  ): Promise<{ readonly addresses: readonly IpAddress[]; readonly rule: string }> {
    const policy = this.#policy;
    if ('address' in target) {
      const verdict = policy.judgeNumber(target.address, port, ownAddresses);
      if (!verdict.isAllowed) throw this.#deny(host, port, verdict);
      return { addresses: [target.address], rule: verdict.rule };
    }
    const verdict = policy.judgeName(target.name, port);
    if (!verdict.isAllowed) throw this.#deny(host, port, verdict);
    const addresses = await this.#init.resolver.addressesOf(target.name, this.#init.limits.resolveTimeoutMs);
    const verdicts = addresses.map((address) =>
      policy.judgeResolved(address, port, ownAddresses, verdict.rule),
    );
    const allowed = addresses.filter((_, index) => verdicts[index]?.isAllowed === true);
    const refusal = verdicts.find((one) => !one.isAllowed);
    if (allowed.length === 0 && refusal !== undefined) throw this.#deny(host, port, refusal);
    return { addresses: allowed, rule: verdict.rule };
  }

  async #connect(
    addresses: readonly IpAddress[],
    port: number,
  ): Promise<{ readonly tunnel: Tunnel; readonly address: string }> {
    let trouble: unknown;
    for (const address of addresses.slice(0, 4)) {
      try {
        // SAFETY: the address that was judged, as a number; tests/network holds it with a resolver that changes its mind.
        const socket = await connectOutside(address, port, this.#init.limits.connectTimeoutMs);
        return { tunnel: tunnelOfSocket(socket), address: formatIp(address) };
      } catch (error) {
        trouble = error;
      }
    }
    throw trouble;
  }

  #deny(host: string, port: number, verdict: Extract<EgressVerdict, { isAllowed: false }>): SovereignError {
    const denial: Denial = {
      tier: this.#init.sandbox.tier,
      mechanism: 'egress',
      rule: verdict.rule,
      resource: `${host.slice(0, 253)}:${port}`,
      grant: verdict.grant,
    };
    return new SovereignError({
      reason: 'egress.denied',
      message: `Egress was denied: ${denial.resource} (${denial.rule}).`,
      hint: `Grant it with the rule ${JSON.stringify(denial.grant)}.`,
      context: { ...denial },
    });
  }

  #takeTurnedAway(): Readonly<Record<string, number>> {
    const turnedAway = this.#turnedAway;
    this.#turnedAway = 0;
    return turnedAway === 0 ? {} : { turnedAway };
  }

  #tell(decision: Omit<EgressDecision, 'atMs' | 'sandbox'>): void {
    this.#init.onDecision({ atMs: this.#init.nowMs(), sandbox: this.#init.sandbox.id, ...decision });
  }
}

/** The denial that an error carries, for whoever asked. */
export function denialOf(error: SovereignError): Denial | null {
  if (error.reason !== 'egress.denied') return null;
  const { tier, mechanism, rule, resource, grant } = error.context;
  return {
    tier: String(tier),
    mechanism: String(mechanism),
    rule: String(rule),
    resource: String(resource),
    grant: String(grant),
  };
}

function ownAddresses(): readonly IpAddress[] {
  return Object.values(networkInterfaces())
    .flatMap((interfaces) => interfaces ?? [])
    .map(({ address }) => parseIp(address.split('%')[0] ?? ''))
    .filter((address) => address !== undefined);
}

function malformed(host: string): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `The destination is neither a name nor an address: ${JSON.stringify(host.slice(0, 80))}.`,
    hint: 'Write addresses as four decimal numbers, or as IPv6 in brackets.',
  });
}

function tooFast(): SovereignError {
  return new SovereignError({
    reason: 'guest.exhausted',
    message: 'Too many connections were asked for in a short time.',
    hint: 'Slow down; keep connections open and use them again.',
  });
}
