import type { Action } from '../contract/action.ts';
import type { Backend } from '../contract/backend.ts';
import type { Brokering, EgressDecision, LinkRecord, PublishedPort } from '../contract/brokering.ts';
import type { NetworkRecord } from '../contract/container-engine.ts';
import type { SandboxId } from '../contract/sandbox-spec.ts';
import type { NetworkTopology } from '../contract/topology.ts';
import type { LedgerRuntime } from '../ledger/ledger.ts';
import type { ActionPath } from './action-path.ts';
import { invalid } from './argument-checks.ts';
import type { SandboxDirectory } from './sandbox-directory.ts';
import type { SandboxHandle } from './sandbox-handle.ts';
import { checkPort, requireBrokering } from './sandbox-network.ts';

export interface RuntimeNetworkInit {
  readonly brokering: Brokering | undefined;
  readonly backends: readonly Backend[];
  readonly directory: SandboxDirectory;
  readonly actions: ActionPath;
}

/** Where actions that concern no one sandbox run. */
const here: LedgerRuntime = { type: 'process', tier: 'process', isIsolated: false };

/** Links between sandboxes, and the picture of everything that reaches anything. */
export class RuntimeNetwork {
  readonly #init: RuntimeNetworkInit;

  constructor(init: RuntimeNetworkInit) {
    this.#init = init;
  }

  /**
   * Makes `to` reachable from inside `from` at one port: its name and its id resolve there, and nothing else is reached.
   *
   * @throws SovereignError `link.exists`, `port.taken`, `sandbox.not-running`, `argument.invalid`
   */
  async establish(from: SandboxHandle, to: SandboxHandle, port: number): Promise<LinkRecord> {
    checkPort('port', port);
    if (from.id === to.id) throw invalid('to', to.id, 'another sandbox than from');
    const brokering = requireBrokering(this.#init.brokering);
    const [source, target] = [from.network.brokered, to.network.brokered];
    await Promise.all([source.channel(), target.channel()]);
    const link = await this.#perform(
      { kind: 'link.establish', from: from.id, to: to.id, port },
      from.report,
      () => brokering.link(source, target, port),
      ({ address }) => ({ address }),
    );
    from.network.refreshEnvironment();
    return link;
  }

  /** @throws SovereignError `link.not-found` */
  async sever(from: SandboxId, to: SandboxId, port: number): Promise<void> {
    checkPort('port', port);
    const brokering = requireBrokering(this.#init.brokering);
    await this.#perform({ kind: 'link.sever', from, to, port }, here, () => brokering.sever(from, to, port));
  }

  /** Links and published ports of one sandbox, held by whichever process. */
  async of(
    sandbox: SandboxId,
  ): Promise<{ readonly links: readonly LinkRecord[]; readonly ports: readonly PublishedPort[] }> {
    const brokers = (await this.#init.brokering?.list()) ?? [];
    return {
      links: brokers
        .flatMap(({ links }) => links)
        .filter(({ from, to }) => from === sandbox || to === sandbox),
      ports: brokers.flatMap(({ ports }) => ports).filter((port) => port.sandbox === sandbox),
    };
  }

  async topology(): Promise<NetworkTopology> {
    const brokering = requireBrokering(this.#init.brokering);
    return this.#perform({ kind: 'network.topology' }, here, async () => {
      const { sandboxes } = await this.#init.directory.list();
      const brokers = await brokering.list();
      const held = <T>(pick: (broker: (typeof brokers)[number]) => readonly T[]) =>
        brokers.flatMap((broker) =>
          pick(broker).map((item) => ({ ...item, pid: broker.pid, isDetached: broker.isDetached })),
        );
      return {
        sandboxes: sandboxes.map(({ id, backend, spec, state }) => ({
          id,
          name: spec.name ?? null,
          backend,
          tier: this.#init.backends.find(({ name }) => name === backend)?.tier ?? 'process',
          state,
          hasHostNetwork: spec.network === 'host',
          exposedPorts: held(({ exposed }) => exposed)
            .filter((port) => port.sandbox === id)
            .map(({ port }) => port),
          egress: held(({ egress }) => egress).find((one) => one.sandbox === id)?.rules ?? null,
        })),
        networks: await this.#networks(),
        links: held(({ links }) => links),
        ports: held(({ ports }) => ports),
        egress: held(({ egress }) => egress),
      };
    });
  }

  /** Calls the listener for each decision of egress, of all sandboxes. Returns how to end that. */
  onDecision(listener: (decision: EgressDecision) => void): () => void {
    return requireBrokering(this.#init.brokering).onDecision(listener);
  }

  async close(): Promise<void> {
    await this.#init.brokering?.close();
  }

  /** Of engines that answer; one that does not hides nothing of the others. */
  async #networks(): Promise<readonly NetworkRecord[]> {
    const answers = await Promise.allSettled(
      this.#init.backends.map(async ({ engine }) => engine?.networks.list() ?? []),
    );
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  }

  #perform<T>(
    action: Action,
    runtime: LedgerRuntime,
    run: () => Promise<T>,
    facts?: (result: T) => Readonly<Record<string, string>>,
  ): Promise<T> {
    return this.#init.actions.perform({ action, runtime, ...(facts && { facts }) }, run);
  }
}
