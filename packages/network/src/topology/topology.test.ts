import type { NetworkTopology, SandboxId } from '@sovereign/core';
import { sandboxSpecForTest, verifies } from '@sovereign/testkit';
import { expect, test } from 'vitest';
import { drawTopologySvg } from './draw-svg.ts';
import { drawTopologyText } from './draw-text.ts';

const [db, web] = [sandboxSpecForTest().id, sandboxSpecForTest().id];

function sandbox(id: SandboxId, name: string): NetworkTopology['sandboxes'][number] {
  return {
    id,
    name,
    backend: 'quilt',
    tier: 'container',
    state: 'running',
    hasHostNetwork: false,
    exposedPorts: [5432],
    egress: ['example.com:443'],
  };
}

function topology(names: readonly [string, string] = ['db', 'web']): NetworkTopology {
  return {
    sandboxes: [
      sandbox(db, names[0]),
      { ...sandbox(web, names[1]), state: 'stopped', egress: [], exposedPorts: [] },
    ],
    networks: [
      {
        name: 'appnet',
        subnet: '10.1.0.0/24',
        gateway: '10.1.0.1',
        createdMs: 0,
        members: [{ sandbox: db, address: '10.1.0.2', names: ['db'] }],
      },
    ],
    links: [
      {
        from: web,
        to: db,
        port: 5432,
        address: '127.70.1.2',
        names: ['db'],
        state: 'waiting',
        pid: 7,
        isDetached: true,
      },
    ],
    ports: [{ sandbox: web, port: 80, hostAddress: '::1', hostPort: 8080, pid: 9, isDetached: false }],
    egress: [],
  };
}

verifies('R-PRIM-3', 'the graph in text names every node and every edge', () => {
  expect(drawTopologyText(topology())).toBe(
    [
      'sandboxes',
      '  ●  db   quilt  container  running  exposes 5432, egress: example.com:443',
      '  ○  web  quilt  container  stopped  egress: nothing',
      '',
      'links',
      '  web  ──5432──▶  db  127.70.1.2 (waiting)  broker 7',
      '',
      'ports',
      '  [::1]:8080  ────▶  web:80  held by 9',
      '',
      'networks',
      '  appnet  10.1.0.0/24  db (10.1.0.2)',
      '',
    ].join('\n'),
  );
  expect(drawTopologyText({ sandboxes: [], networks: [], links: [], ports: [], egress: [] })).toBe(
    'no sandboxes\n',
  );
});

verifies('R-PRIM-3', 'the graph in SVG names every node and every edge', () => {
  const svg = drawTopologySvg(topology());
  for (const label of ['>db<', '>web<', '>5432<', '>appnet<', '>[::1]:8080 → 80<', 'egress: example.com:443'])
    expect(svg).toContain(label);
  expect(svg.match(/<svg/g)).toHaveLength(1);
});

test('a name is text in SVG, whatever it holds', () => {
  const svg = drawTopologySvg(topology(['<script>alert(1)</script>', '"&\u0007\u001b[31m']));
  expect(svg).not.toContain('<script');
  expect(svg).toContain('&lt;script&gt;');
  expect(svg).not.toMatch(/[\u0000-\u0008\u001b]/);
});
