import type { Holder, NetworkTopology } from '@sovereign/core';
import { namesOf, type NameOf } from './names.ts';

/** Draws a topology for a terminal: one line a sandbox, link, port and network, grouped. Ends with a line end. */
export function drawTopologyText(topology: NetworkTopology): string {
  const nameOf = namesOf(topology);
  const groups = [
    group('sandboxes', sandboxRows(topology)),
    group('links', linkRows(topology, nameOf)),
    group('ports', portRows(topology, nameOf)),
    group('networks', networkRows(topology, nameOf)),
  ].filter((text) => text !== '');
  return groups.length === 0 ? 'no sandboxes\n' : groups.join('\n');
}

type Row = readonly string[];

function group(title: string, rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(width(column)))
      .join('  ')
      .trimEnd(),
  );
  return `${title}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function sandboxRows({ sandboxes }: NetworkTopology): readonly Row[] {
  return sandboxes.map(({ id, name, backend, tier, state, exposedPorts, egress, hasHostNetwork }) => [
    state === 'running' ? '●' : '○',
    name ?? id,
    backend,
    tier,
    state,
    [
      exposedPorts.length === 0 ? '' : `exposes ${exposedPorts.join(' ')}`,
      hasHostNetwork ? 'network of the host' : egressWords(egress),
    ]
      .filter((text) => text !== '')
      .join(', '),
  ]);
}

function egressWords(egress: readonly string[] | null): string {
  if (egress === null) return '';
  return egress.length === 0 ? 'egress: nothing' : `egress: ${egress.join(' ')}`;
}

function linkRows({ links }: NetworkTopology, nameOf: NameOf): readonly Row[] {
  return links.map((link) => [
    nameOf(link.from),
    `──${link.port}──▶`,
    nameOf(link.to),
    link.state === 'open' ? link.address : `${link.address} (waiting)`,
    heldBy(link),
  ]);
}

function portRows({ ports }: NetworkTopology, nameOf: NameOf): readonly Row[] {
  return ports.map((port) => [
    hostOf(port.hostAddress, port.hostPort),
    '────▶',
    `${nameOf(port.sandbox)}:${port.port}`,
    heldBy(port),
  ]);
}

function networkRows({ networks }: NetworkTopology, nameOf: NameOf): readonly Row[] {
  return networks.map(({ name, subnet, members }) => [
    name,
    subnet,
    members.map((member) => `${nameOf(member.sandbox)} (${member.address})`).join(' '),
  ]);
}

function heldBy({ pid, isDetached }: Holder): string {
  return isDetached ? `broker ${pid}` : `held by ${pid}`;
}

/** `address:port`, with brackets for IPv6. */
export function hostOf(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
