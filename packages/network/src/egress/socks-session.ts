import { toSovereignError } from '@sovereign/core';
import { formatIp } from '../rules/ip-address.ts';
import { carryGuarded, type EgressSession } from './http-session.ts';

const version = 5;
const connect = 1;
const noAuthentication = 0;
const noneAcceptable = 0xff;
const addressTypes = { ipv4: 1, name: 3, ipv6: 4 } as const;

/** RFC 1928, 6. */
const replies = {
  succeeded: 0,
  failure: 1,
  notAllowed: 2,
  refused: 5,
  commandNotSupported: 7,
  addressTypeNotSupported: 8,
} as const;

const replyOf: Readonly<Record<string, number>> = {
  'egress.denied': replies.notAllowed,
  'tunnel.refused': replies.refused,
};

/** Serves SOCKS5 (RFC 1928): CONNECT without authentication. Names are resolved on this side. */
export async function serveSocks(session: EgressSession): Promise<void> {
  const { near, reader } = session;
  const methods = await readMethods(session);
  if (methods === undefined) {
    near.reset();
    return;
  }
  const isOpen = methods.includes(noAuthentication);
  await near.write(Uint8Array.of(version, isOpen ? noAuthentication : noneAcceptable));
  if (!isOpen) {
    near.end();
    return;
  }
  const fixed = await reader.exactly(4);
  if (fixed?.[0] !== version || fixed[2] !== 0) {
    near.reset();
    return;
  }
  if (fixed[1] !== connect) return refuse(session, replies.commandNotSupported);
  const host = await readHost(session, fixed[3] ?? 0);
  if (host === undefined) return refuse(session, replies.addressTypeNotSupported);
  const portBytes = await reader.exactly(2);
  if (portBytes === undefined) {
    near.reset();
    return;
  }
  const port = ((portBytes[0] ?? 0) << 8) | (portBytes[1] ?? 0);
  session.onRequest();
  let reached;
  try {
    reached = await session.gate.reach(host, port);
  } catch (error) {
    return refuse(session, replyOf[toSovereignError(error).reason] ?? replies.failure);
  }
  await near.write(reply(replies.succeeded));
  await carryGuarded(session, reached, port);
}

async function readMethods({ reader }: EgressSession): Promise<Uint8Array | undefined> {
  const head = await reader.exactly(2);
  return head?.[0] === version ? reader.exactly(head[1] ?? 0) : undefined;
}

async function readHost({ reader }: EgressSession, type: number): Promise<string | undefined> {
  if (type === addressTypes.name) {
    const length = await reader.exactly(1);
    const name = await reader.exactly(length?.[0] ?? 0);
    return name === undefined ? undefined : Buffer.from(name).toString('latin1');
  }
  if (type === addressTypes.ipv4) {
    const bytes = await reader.exactly(4);
    return bytes && formatIp({ family: 4, value: valueOf(bytes) });
  }
  if (type !== addressTypes.ipv6) return undefined;
  const bytes = await reader.exactly(16);
  // In brackets, and read again by the one parser that knows addresses within addresses.
  return bytes && `[${formatIp({ family: 6, value: valueOf(bytes) })}]`;
}

function valueOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

async function refuse({ near }: EgressSession, code: number): Promise<void> {
  await near.write(reply(code));
  near.end();
}

/** The bound address is not told: zeros, as is usual. */
function reply(code: number): Uint8Array {
  return Uint8Array.of(version, code, 0, addressTypes.ipv4, 0, 0, 0, 0, 0, 0);
}
