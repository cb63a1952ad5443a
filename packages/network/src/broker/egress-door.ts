import type { BrokeredSandbox, EgressRecord, TunnelListener } from '@sovereign/core';
import type { EgressProxy } from '../egress/egress-proxy.ts';
import type { EgressPolicy } from '../rules/egress-policy.ts';
import { Kept } from './kept.ts';
import { proxyHost, proxyPort } from './link-address.ts';

export interface EgressDoorInit {
  readonly sandbox: BrokeredSandbox;
  readonly proxy: EgressProxy;
  readonly onGone: () => void;
  readonly onChange: () => void;
}

const proxyAddress = `${proxyHost}:${proxyPort}`;

/** The egress of one sandbox: its proxy, and the door to it inside. */
export class EgressDoor {
  readonly sandbox: BrokeredSandbox;
  readonly #proxy: EgressProxy;
  readonly #door: Kept<TunnelListener>;

  private constructor(init: EgressDoorInit, door: Kept<TunnelListener>) {
    this.sandbox = init.sandbox;
    this.#proxy = init.proxy;
    this.#door = door;
  }

  /** @throws SovereignError `port.taken`, and what the channel throws */
  static async open(init: EgressDoorInit): Promise<EgressDoor> {
    const door = await Kept.open({
      sandbox: init.sandbox,
      open: (channel) =>
        channel.tunnels.listen({
          address: { kind: 'tcp', host: proxyHost, port: proxyPort },
          backlog: 64,
          onConnection: (incoming) => {
            init.proxy.take(incoming);
          },
        }),
      onGone: init.onGone,
      onChange: init.onChange,
    });
    return new EgressDoor(init, door);
  }

  get record(): EgressRecord {
    return {
      sandbox: this.sandbox.id,
      rules: this.#proxy.gate.policy.rules.map(({ text }) => text),
      proxy: `http://${proxyAddress}`,
    };
  }

  setRules(policy: EgressPolicy): void {
    this.#proxy.gate.setPolicy(policy);
  }

  async revive(): Promise<void> {
    await this.#door.revive();
  }

  /** Open connections break at once. */
  async close(): Promise<void> {
    this.#proxy.close();
    await this.#door.close();
  }
}

/**
 * What commands are told of the proxy: lower case for everybody, and upper case too except HTTP_PROXY, which a CGI program
 * takes from its client (CVE-2016-5385). Names of links are reached without it.
 */
export function proxyEnvironment(linkNames: readonly string[]): Readonly<Record<string, string>> {
  const http = `http://${proxyAddress}`;
  const all = `socks5h://${proxyAddress}`;
  const none = ['localhost', '127.0.0.1', '::1', ...linkNames].join(',');
  return {
    http_proxy: http,
    https_proxy: http,
    HTTPS_PROXY: http,
    all_proxy: all,
    ALL_PROXY: all,
    no_proxy: none,
    NO_PROXY: none,
  };
}
