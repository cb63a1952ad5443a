import type { Sovereign } from '@sovereign/sdk';
import type { PublishValue } from '../values/parse-publish.ts';

/** Something that is brokered for as long as a process holds it. Plain data: a detached broker is told of it so. */
export type HoldRequest =
  | ({ readonly kind: 'port'; readonly sandbox: string } & PublishValue)
  | { readonly kind: 'link'; readonly from: string; readonly to: string; readonly port: number }
  | { readonly kind: 'egress'; readonly sandbox: string; readonly rules: readonly string[] };

/** What is held, for people and for programs. */
export interface Held {
  readonly line: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Begins to hold it, in this process. */
export async function beginHolding(client: Sovereign, request: HoldRequest): Promise<Held> {
  switch (request.kind) {
    case 'port': {
      const sandbox = await client.connect(request.sandbox);
      const { port, hostPort, hostAddress } = request;
      const published = await sandbox.publish(port, { hostPort, hostAddress });
      return {
        line: `${where(published.hostAddress, published.hostPort)} → ${request.sandbox}:${port}`,
        facts: { ...published },
      };
    }
    case 'link': {
      const link = await client.link(request.from, request.to, request.port);
      const name = link.names[0] ?? link.address;
      return { line: `${request.from} reaches ${name}:${request.port}`, facts: { ...link } };
    }
    case 'egress': {
      const sandbox = await client.connect(request.sandbox);
      const egress = await sandbox.egress.set(request.rules);
      const rules = egress.rules.length === 0 ? 'nothing' : egress.rules.join(' ');
      return {
        line: `${request.sandbox} may connect to ${rules} through ${egress.proxy}`,
        facts: { ...egress },
      };
    }
  }
}

function where(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
