import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { SovereignError } from '@sovereign/protocol';
import {
  checkResourceName,
  isSandboxId,
  ownedName,
  parseStateFile,
  stateCount,
  stateText,
  type SandboxId,
} from '@sovereign/core';
import { formatAddress, parseSubnet, type Subnet } from './subnet.ts';

export interface NetworkFile {
  readonly subnet: string;
  readonly createdMs: number;
}

/** A sandbox on a network, whether it runs or not. */
export interface MemberFile {
  readonly address: string;
  /** Name of its network card inside: `eth0`, `eth1` … */
  readonly device: string;
  /** Names beside that of the sandbox. */
  readonly aliases: readonly string[];
}

const networkSchema = v.strictObject({ subnet: stateText, createdMs: stateCount });
const memberSchema = v.strictObject({
  address: v.pipe(v.string(), v.ipv4()),
  device: v.pipe(v.string(), v.regex(/^eth\d{1,3}$/)),
  aliases: v.pipe(v.array(v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9._-]{0,62}$/))), v.maxLength(64)),
});

/**
 * Networks as files:
 *
 * ```
 * networks/<name>/network.json          its range of addresses
 *                 members/<id>.json     who is on it, by which address
 * ```
 */
export class NetworkStore {
  readonly directory: string;

  constructor(root: string) {
    this.directory = join(root, 'networks');
  }

  names(): readonly string[] {
    const names = existsSync(this.directory) ? readdirSync(this.directory) : [];
    return names.filter((name) => /^[a-z0-9][a-z0-9._-]{0,62}$/.test(name));
  }

  /** @throws SovereignError `network.not-found`, `sandbox.state-corrupt` */
  read(name: string): NetworkFile {
    const path = this.#path(name, 'network.json');
    if (!existsSync(path)) throw networkNotFound(name);
    return parseStateFile(networkSchema, path, readFileSync(path, 'utf8'));
  }

  /** @throws SovereignError `network.exists` */
  add(name: string, file: NetworkFile): void {
    if (existsSync(this.#path(name))) throw networkExists(name);
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const partial = ownedName(join(this.directory, `_${name}`));
    mkdirSync(join(partial, 'members'), { recursive: true, mode: 0o700 });
    writeFileSync(join(partial, 'network.json'), JSON.stringify(file), { mode: 0o600 });
    renameSync(partial, this.#path(name));
  }

  delete(name: string): void {
    const aside = ownedName(join(this.directory, `_${name}`));
    renameSync(this.#path(name), aside);
    rmSync(aside, { recursive: true, force: true });
  }

  members(name: string): ReadonlyMap<SandboxId, MemberFile> {
    const members = new Map<SandboxId, MemberFile>();
    for (const entry of readdirSync(this.#path(name, 'members'))) {
      const id = entry.replace(/\.json$/, '');
      if (!isSandboxId(id) || id === entry) continue;
      const path = this.#path(name, 'members', entry);
      members.set(id, parseStateFile(memberSchema, path, readFileSync(path, 'utf8')));
    }
    return members;
  }

  writeMember(name: string, id: SandboxId, member: MemberFile): void {
    const path = this.#path(name, 'members', `${id}.json`);
    const whole = ownedName(path);
    writeFileSync(whole, JSON.stringify(member), { mode: 0o600 });
    renameSync(whole, path);
  }

  deleteMember(name: string, id: SandboxId): void {
    rmSync(this.#path(name, 'members', `${id}.json`), { force: true });
  }

  /** Names of the networks that a sandbox is on. */
  of(id: SandboxId): readonly string[] {
    return this.names().filter((name) => existsSync(this.#path(name, 'members', `${id}.json`)));
  }

  #path(name: string, ...rest: readonly string[]): string {
    checkResourceName('network', name);
    return join(this.directory, name, ...rest);
  }
}

/** The first address of a range is the bridge's. */
export function gatewayOf(subnet: Subnet): string {
  return formatAddress(subnet.base + 1);
}

/** The lowest address that nobody has. @throws SovereignError `network.conflict` when all are taken */
export function freeAddress(file: NetworkFile, members: Iterable<MemberFile>): string {
  const subnet = parseSubnet(file.subnet);
  const taken = new Set([...members].map(({ address }) => address));
  for (let offset = 2; offset < 2 ** (32 - subnet.bits) - 1; offset++) {
    const address = formatAddress(subnet.base + offset);
    if (!taken.has(address)) return address;
  }
  throw new SovereignError({
    reason: 'network.conflict',
    message: `Every address of ${file.subnet} is taken.`,
    hint: 'Disconnect a sandbox, or make a larger network.',
    context: { subnet: file.subnet },
  });
}

function networkNotFound(name: string): SovereignError {
  return new SovereignError({
    reason: 'network.not-found',
    message: `No network has the name ${name}.`,
    hint: `Make it: sovereign network create ${name}`,
    context: { network: name },
  });
}

function networkExists(name: string): SovereignError {
  return new SovereignError({
    reason: 'network.exists',
    message: `A network has the name ${name} already.`,
    hint: `Choose another, or remove that one: sovereign network rm ${name}`,
    context: { network: name },
  });
}
