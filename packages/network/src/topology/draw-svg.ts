import type { NetworkTopology } from '@sovereign/core';
import { hostOf } from './draw-text.ts';
import { namesOf } from './names.ts';

const box = { width: 220, height: 56, gap: 44 } as const;
const left = 300;
const top = 40;
const networkLeft = left + box.width + 200;

interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * Draws a topology as SVG: sandboxes in the middle, links as arcs to their right, ports of the host to their left,
 * networks on the far right. It needs nothing from outside and runs nothing.
 */
export function drawTopologySvg(topology: NetworkTopology): string {
  const { sandboxes, links, ports, networks } = topology;
  const nameOf = namesOf(topology);
  const places = new Map<string, number>(sandboxes.map(({ id }, index) => [id, rowOf(index)]));
  const parts: string[] = [];
  for (const network of networks.entries()) parts.push(...drawNetwork(network, places));
  for (const [index, link] of links.entries()) {
    const [from, to] = [places.get(link.from), places.get(link.to)];
    if (from !== undefined && to !== undefined)
      parts.push(drawLink(from, to, String(link.port), { index, isOpen: link.state === 'open' }));
  }
  for (const [index, port] of ports.entries()) {
    const y = places.get(port.sandbox);
    if (y !== undefined)
      parts.push(drawPort(index, y, `${hostOf(port.hostAddress, port.hostPort)} → ${port.port}`));
  }
  for (const sandbox of sandboxes) {
    const { id, backend, tier, state, egress, exposedPorts } = sandbox;
    const notes = [
      `${backend} · ${tier} · ${state}`,
      egress === null ? '' : `egress: ${egress.length === 0 ? 'nothing' : egress.join(' ')}`,
      exposedPorts.length === 0 ? '' : `exposes ${exposedPorts.join(' ')}`,
    ];
    parts.push(
      drawSandbox(
        places.get(id) ?? top,
        nameOf(id),
        notes.filter((text) => text !== ''),
        state === 'running',
      ),
    );
  }
  const rows = Math.max(sandboxes.length, networks.length, Math.ceil(ports.length / 2), 1);
  const size = { width: networkLeft + box.width + 40, height: rowOf(rows) + 20 };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" font-family="system-ui, sans-serif" font-size="12">`,
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#456"/></marker></defs>',
    '<rect width="100%" height="100%" fill="#fff"/>',
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function rowOf(index: number): number {
  return top + index * (box.height + box.gap);
}

function drawSandbox(y: number, name: string, notes: readonly string[], isRunning: boolean): string {
  const [first = '', ...rest] = notes;
  return [
    `<rect x="${left}" y="${y}" width="${box.width}" height="${box.height}" rx="8" fill="${isRunning ? '#e8f2ff' : '#eee'}" stroke="#456"/>`,
    text({ x: left + 12, y: y + 22 }, cut(name, 28), ' font-weight="600"'),
    text({ x: left + 12, y: y + 40 }, cut(first, 34), ' fill="#567"'),
    ...rest.map((note, index) =>
      text(
        { x: left + 12, y: y + box.height + 14 + index * 14 },
        cut(note, 40),
        ' fill="#567" font-size="11"',
      ),
    ),
  ].join('\n');
}

/** An arc on the right of both, further out for each link, so that none covers another. */
function drawLink(
  from: number,
  to: number,
  label: string,
  { index, isOpen }: { readonly index: number; readonly isOpen: boolean },
): string {
  const x = left + box.width;
  const out = x + 50 + (index % 6) * 18;
  const [start, end] = [from + box.height * 0.4, to + box.height * 0.6];
  const dash = isOpen ? '' : ' stroke-dasharray="4 4"';
  return [
    `<path d="M${x} ${start}C${out} ${start} ${out} ${end} ${x} ${end}" fill="none" stroke="#456"${dash} marker-end="url(#arrow)"/>`,
    text({ x: (x + out * 3) / 4 + 4, y: (start + end) / 2 + 4 }, label, ' fill="#245"'),
  ].join('\n');
}

function drawPort(index: number, y: number, label: string): string {
  const at = y + 16 + (index % 3) * 14;
  return [
    text({ x: 20, y: at + 4 }, cut(label, 34), ' fill="#245"'),
    `<path d="M230 ${at}L${left} ${at}" stroke="#456" marker-end="url(#arrow)"/>`,
  ].join('\n');
}

function drawNetwork(
  [index, network]: [number, NetworkTopology['networks'][number]],
  places: ReadonlyMap<string, number>,
): readonly string[] {
  const y = rowOf(index);
  const lines = network.members.flatMap(({ sandbox }) => {
    const row = places.get(sandbox);
    return row === undefined
      ? []
      : [
          `<path d="M${left + box.width} ${row + box.height / 2}L${networkLeft} ${y + box.height / 2}" stroke="#7a5" stroke-width="2"/>`,
        ];
  });
  return [
    ...lines,
    `<rect x="${networkLeft}" y="${y}" width="${box.width}" height="${box.height}" rx="28" fill="#eef8e6" stroke="#7a5"/>`,
    text({ x: networkLeft + 20, y: y + 24 }, cut(network.name, 28), ' font-weight="600"'),
    text({ x: networkLeft + 20, y: y + 42 }, network.subnet, ' fill="#567"'),
  ];
}

function text({ x, y }: Point, content: string, attributes: string): string {
  return `<text x="${x}" y="${y}"${attributes}>${escaped(content)}</text>`;
}

function cut(content: string, characters: number): string {
  return content.length > characters ? `${content.slice(0, characters - 1)}…` : content;
}

/** SAFETY: names and addresses are text and never markup, nor characters that XML cannot hold; topology.test.ts holds it. */
function escaped(content: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  };
  return content
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '�')
    .replaceAll(/[&<>"]/g, (character) => entities[character] ?? '');
}
