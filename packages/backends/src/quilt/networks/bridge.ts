import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { ProcessIdentity } from '@sovereign/core';
import { findProgram, firstLines } from '@sovereign/guest';
import type { EngineHost } from '../engine-host.ts';
import { gatewayOf, type MemberFile } from './network-store.ts';
import { parseAddress, type Subnet } from './subnet.ts';

/** Type of the file system of namespaces (statfs(2)). */
const nsfsMagic = 0x6e736673;
const bridge = 'sovereign0';
const pinPrefix = 'net-';

/**
 * Who may send what on a bridge. SAFETY: each port sends with the one address pair it was given, IPv4 and ARP only; all
 * else is dropped before the bridge learns of it. Held by tests/quilt/networks.test.ts ("nobody sends as another").
 */
const rules = `add table bridge sovereign
delete table bridge sovereign
table bridge sovereign {
  set members {
    type ifname . ether_addr . ipv4_addr
  }
  chain incoming {
    type filter hook prerouting priority -300; policy drop;
    ether type ip iifname . ether saddr . ip saddr @members accept
    ether type arp iifname . arp saddr ether . arp saddr ip @members accept
  }
}`;

/** What is left without bridges. */
export const insteadOfNetworks =
  'Connect sandboxes port by port (sovereign link), publish ports (sovereign port publish), or allow hosts (sovereign egress set). Or run as root, with the packages iproute2 and nftables.';

/**
 * Bridges in network namespaces of their own (ADR 0014): a network is a namespace that holds a bridge and nothing else, so
 * that no packet of it ever meets the host's addresses, services, routes or firewall, or another network.
 */
export class Bridges {
  readonly #host: EngineHost;

  constructor(host: EngineHost) {
    this.#host = host;
  }

  /** What this host lacks for them; undefined when it lacks nothing. */
  lacking(): string | undefined {
    if (process.geteuid?.() !== 0) return 'they need root';
    if (tool('ip') === undefined) return 'iproute2 (ip) is not installed';
    return tool('nft') === undefined ? 'nftables (nft) is not installed' : undefined;
  }

  /** @throws SovereignError `capability.missing` with what this host lacks */
  require(): void {
    const lacking = this.lacking();
    if (lacking === undefined) return;
    throw new SovereignError({
      reason: 'capability.missing',
      message: `This host cannot make bridge networks: ${lacking}.`,
      hint: insteadOfNetworks,
      context: { operation: 'networks' },
    });
  }

  /** Brings the namespace and the bridge of a network up, where they are not: after a boot, or a crash. */
  async ensure(name: string, subnet: Subnet): Promise<void> {
    const pin = this.#pin(name);
    mkdirSync(this.#host.runtimeDirectory, { recursive: true, mode: 0o700 });
    // A pin that nothing is mounted on is from before the last boot, or half made.
    if (existsSync(pin) && !isPinned(pin)) rmSync(pin, { force: true });
    if (!existsSync(pin)) await this.#host.visitor.pinNetwork(pin);
    const state = await this.#host.visitor.enter(pin, ['ip', '-o', 'link', 'show', 'up', 'dev', bridge]);
    if (state.exitCode === 0 && state.stdout.includes(bridge)) return;
    await this.#batch(pin, [`link delete ${bridge}`], true);
    await this.#nft(pin, rules);
    await this.#batch(pin, [
      `link add ${bridge} type bridge stp_state 0 mcast_snooping 0`,
      `address add ${gatewayOf(subnet)}/${subnet.bits} dev ${bridge}`,
      'link set lo up',
      `link set ${bridge} up`,
    ]);
  }

  /** Puts a cable between a guest that runs and the bridge. */
  async plug(name: string, subnet: Subnet, guest: ProcessIdentity, member: MemberFile): Promise<void> {
    const [pin, port, mac] = [this.#pin(name), portOf(subnet, member), macOf(member)];
    await this.ensure(name, subnet);
    // That of an earlier start goes with its namespace, which the kernel clears away in its own time.
    await this.#batch(pin, [`link delete ${port}`], true);
    await this.#nft(pin, `add element bridge sovereign members { "${port}" . ${mac} . ${member.address} }`);
    await this.#batch(guest, [
      `link add ${member.device} address ${mac} type veth peer name ${port} netns ${pin}`,
      `link set ${member.device} addrgenmode none`,
      `address add ${member.address}/${subnet.bits} dev ${member.device}`,
    ]);
    await this.#batch(pin, [`link set ${port} master ${bridge}`, `link set ${port} up`]);
    await this.#batch(guest, [`link set ${member.device} up`]);
  }

  /** Takes the cable away; nothing happens where there is none. */
  async unplug(name: string, subnet: Subnet, member: MemberFile): Promise<void> {
    const pin = this.#pin(name);
    if (!isPinned(pin)) return;
    const port = portOf(subnet, member);
    await this.#batch(pin, [`link delete ${port}`], true);
    const element = `{ "${port}" . ${macOf(member)} . ${member.address} }`;
    await this.#host.visitor.enter(pin, ['nft', `delete element bridge sovereign members ${element}`]);
  }

  /** Lets the namespace go, and all that is in it. */
  async remove(name: string): Promise<void> {
    const pin = this.#pin(name);
    if (isPinned(pin)) await this.#host.helper.run(['umount', '-l', pin], { timeoutMs: 10_000 });
    rmSync(pin, { force: true });
  }

  /** Names of the networks that have a namespace here, or half of one. */
  pinned(): readonly string[] {
    const { runtimeDirectory } = this.#host;
    if (!existsSync(runtimeDirectory)) return [];
    return readdirSync(runtimeDirectory)
      .filter((entry) => entry.startsWith(pinPrefix))
      .map((entry) => entry.slice(pinPrefix.length));
  }

  #pin(name: string): string {
    return join(this.#host.runtimeDirectory, `${pinPrefix}${name}`);
  }

  /** Several steps of ip(8) in one namespace; the first that fails ends them. */
  async #batch(network: ProcessIdentity | string, lines: readonly string[], mayFail = false): Promise<void> {
    const script = 'printf "%s\\n" "$@" | ip -batch -';
    const result = await this.#host.visitor.enter(network, ['sh', '-c', script, 'sh', ...lines]);
    if (result.exitCode !== 0 && !mayFail) throw networkFailed(lines.join('; '), result.stderr);
  }

  async #nft(pin: string, text: string): Promise<void> {
    const result = await this.#host.visitor.enter(pin, ['nft', text]);
    if (result.exitCode !== 0) throw networkFailed('nft', result.stderr);
  }
}

function isPinned(pin: string): boolean {
  return existsSync(pin) && statfsSync(pin).type === nsfsMagic;
}

/** Where `ip` and `nft` are is not in every user's search path. */
function tool(name: string): string | undefined {
  return findProgram(name, `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`);
}

/** The end of a member's cable at the bridge. */
function portOf(subnet: Subnet, member: MemberFile): string {
  return `port${(parseAddress(member.address) ?? 0) - subnet.base}`;
}

/** Locally administered, and different where the address is. */
export function macOf(member: MemberFile): string {
  const bytes = member.address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return ['02', '5f', ...bytes].join(':');
}

function networkFailed(step: string, said: string): SovereignError {
  return new SovereignError({
    reason: 'network.failed',
    message: `A network could not be set up: ${firstLines(said)} (${step.slice(0, 200)})`,
    hint: 'Does this kernel have bridges, veth and nftables? `sovereign doctor` shows what it lacks.',
  });
}
