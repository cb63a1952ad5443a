import type { EgressRecord, SandboxNetwork } from '@sovereign/core';

/** What commands of a sandbox may connect to: by name, judged and recorded one by one (R-NEW-1). */
export class Egress {
  readonly #network: SandboxNetwork;

  constructor(network: SandboxNetwork) {
    this.#network = network;
  }

  /**
   * Replaces the rules, also while commands run: `example.com`, `*.example.com:443`, `10.0.0.0/8:5432`. An empty list
   * allows nothing. Private, loopback and metadata addresses need a rule that names them by number.
   *
   * Commands that are started from now on find the proxy in their environment (`https_proxy` and its kin).
   *
   * @throws SovereignError `argument.invalid`
   */
  set(rules: readonly string[]): Promise<EgressRecord> {
    return this.#network.setEgress(rules);
  }
}
