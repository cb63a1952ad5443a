import { SovereignError } from '@sovereign/protocol';
import { addressClass, type AddressClass, type OwnAddresses } from './address-class.ts';
import { hasPort, matchesAddress, matchesName, parseRule, type EgressRule } from './egress-rule.ts';
import { formatIp, type IpAddress } from './ip-address.ts';

/** What a policy says of a name or an address. `grant` is the smallest rule that would allow it. */
export type EgressVerdict =
  | { readonly isAllowed: true; readonly rule: string }
  | { readonly isAllowed: false; readonly rule: string; readonly grant: string };

export const maxRules = 1_000;

/** What is not public, in words. */
const whyNot: Readonly<Record<Exclude<AddressClass, 'public'>, string>> = {
  loopback: 'loopback of the host',
  private: 'a private network',
  linkLocal: 'link-local',
  metadata: 'a metadata service',
  multicast: 'multicast',
  carrierNat: 'carrier-grade NAT',
  reserved: 'reserved, or wraps another address',
  ownHost: 'an address of the host itself',
};

/**
 * The rules of one sandbox. No rules allow nothing.
 *
 * A name is allowed by a rule for names; then each address it resolves to has to be public, or allowed by a rule for
 * addresses. An address that is asked for by number needs a rule for addresses, or `*` when it is public. A name that no
 * rule allows is not even resolved: a look-up is a message to whoever owns the name.
 */
export class EgressPolicy {
  readonly rules: readonly EgressRule[];

  /** @throws SovereignError `argument.invalid`, `argument.too-large` */
  constructor(rules: readonly string[]) {
    if (rules.length > maxRules) throw tooMany(rules.length);
    this.rules = rules.map((text) => parseRule(text));
  }

  judgeName(name: string, port: number): EgressVerdict {
    const rule = this.rules.find((one) => hasPort(one, port) && matchesName(one, name));
    return rule === undefined ? denied('no rule allows the name', `${name}:${port}`) : allowed(rule);
  }

  /** Of an address that a request names by number. */
  judgeNumber(address: IpAddress, port: number, own: OwnAddresses): EgressVerdict {
    const granted = this.#grantOf(address, port);
    if (granted !== undefined) return allowed(granted);
    const any = this.rules.find((one) => one.target.kind === 'anyName' && hasPort(one, port));
    if (any !== undefined) return this.judgeResolved(address, port, own, any.text);
    return denied('no rule allows the address', grantFor(address, port));
  }

  /** Of an address that an allowed name resolves to. `rule` is what allowed the name. */
  judgeResolved(address: IpAddress, port: number, own: OwnAddresses, rule: string): EgressVerdict {
    const granted = this.#grantOf(address, port);
    if (granted !== undefined) return allowed(granted);
    const kind = addressClass(address, own);
    // SAFETY: a name is no way to what is not public; egress-policy.test.ts and tests/network hold it.
    if (kind === 'public') return { isAllowed: true, rule };
    return denied(`${formatIp(address)} is ${whyNot[kind]}`, grantFor(address, port));
  }

  #grantOf(address: IpAddress, port: number): EgressRule | undefined {
    return this.rules.find((one) => hasPort(one, port) && matchesAddress(one, address));
  }
}

function grantFor(address: IpAddress, port: number): string {
  const text = formatIp(address);
  return address.family === 6 ? `[${text}]:${port}` : `${text}:${port}`;
}

function allowed(rule: EgressRule): EgressVerdict {
  return { isAllowed: true, rule: rule.text };
}

function denied(rule: string, grant: string): EgressVerdict {
  return { isAllowed: false, rule, grant };
}

function tooMany(count: number): SovereignError {
  return new SovereignError({
    reason: 'argument.too-large',
    message: `There are too many egress rules: ${count} (at most ${maxRules}).`,
    hint: 'Use wildcards and blocks.',
  });
}
