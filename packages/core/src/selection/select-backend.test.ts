import type { BackendName, Tier } from '@sovereign/protocol';
import { verifies } from '@sovereign/testkit';
import { expect, test } from 'vitest';
import type { Backend, Probe } from '../contract/backend.ts';
import type { SandboxSpec } from '../contract/sandbox-spec.ts';
import { ProbeCache } from './probe-cache.ts';
import {
  needsHostFiles,
  selectBackend,
  type RequestedTier,
  type SelectionRequest,
} from './select-backend.ts';

interface Row {
  readonly requested: RequestedTier;
  /** Backends that are there; those with ! cannot run. */
  readonly there: readonly string[];
  readonly more?: Partial<SelectionRequest>;
  /** What is considered, in order; the last is taken unless a reason of refusal follows. */
  readonly considered: readonly string[];
  readonly refused?: string;
}

const tierOf: Readonly<Record<string, Tier>> = {
  qemu: 'microvm',
  'docker-sandbox': 'microvm',
  quilt: 'container',
  docker: 'container',
  appcontainer: 'appcontainer',
  process: 'process',
};
const unused = async (): Promise<never> => Promise.reject(new Error('unused'));

function backend(text: string, probe?: () => Promise<Probe>): Backend {
  const name = text.replace('!', '') as BackendName;
  const answer: Probe = text.startsWith('!')
    ? { ok: false, reason: `There is no ${name}.`, hint: `Install ${name}.` }
    : { ok: true, detail: `${name} runs` };
  const has = name !== 'process';
  const capabilities = {
    isPersistent: has,
    canStop: has,
    canPause: has,
    canSetLimits: has,
    canStats: has,
    canDefine: has,
    hasPty: has,
    hasImages: has,
    isIsolated: has,
  };
  return {
    name,
    tier: tierOf[name] ?? 'process',
    capabilities,
    probe: probe ?? (async () => answer),
    create: unused,
    define: unused,
    list: unused,
    attach: unused,
    close: unused,
  };
}

let nowMs = 0;
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };

const rows: readonly Row[] = [
  { requested: 'auto', there: ['process', 'docker', 'quilt', 'qemu'], considered: ['qemu'] },
  { requested: 'auto', there: ['process', 'docker', 'quilt', '!qemu'], considered: ['qemu', 'quilt'] },
  { requested: 'auto', there: ['quilt', 'docker-sandbox', '!qemu'], considered: ['qemu', 'docker-sandbox'] },
  { requested: 'auto', there: ['docker-sandbox', 'qemu'], considered: ['qemu'] },
  {
    requested: 'docker-sandbox',
    there: ['qemu', '!docker-sandbox'],
    considered: ['docker-sandbox'],
    refused: 'tier.unavailable',
  },
  { requested: 'auto', there: ['process', 'docker', '!quilt'], considered: ['quilt', 'docker'] },
  { requested: 'auto', there: ['process', '!docker', '!quilt'], considered: ['quilt', 'docker', 'process'] },
  { requested: 'auto', there: ['!process', '!quilt'], considered: [], refused: 'tier.none-available' },
  {
    requested: 'auto',
    there: ['process', 'quilt'],
    more: { tierOrder: ['process', 'container'] },
    considered: ['process'],
  },
  {
    requested: 'auto',
    there: ['process', '!quilt'],
    more: { tierOrder: ['container'] },
    considered: [],
    refused: 'tier.none-available',
  },
  {
    requested: 'auto',
    there: ['process'],
    more: { tierOrder: [] },
    considered: [],
    refused: 'tier.none-available',
  },
  { requested: 'auto', there: ['process', 'quilt'], more: { needsImages: true }, considered: ['quilt'] },
  {
    requested: 'auto',
    there: ['process'],
    more: { needsImages: true },
    considered: [],
    refused: 'tier.none-available',
  },
  { requested: 'container', there: ['process', 'docker', '!quilt'], considered: ['quilt', 'docker'] },
  { requested: 'container', there: ['process', '!quilt'], considered: [], refused: 'tier.unavailable' },
  { requested: 'microvm', there: ['process', 'quilt'], considered: [], refused: 'tier.unavailable' },
  { requested: 'quilt', there: ['process', 'docker', '!quilt'], considered: [], refused: 'tier.unavailable' },
  { requested: 'docker', there: ['process', 'docker', 'quilt'], considered: ['docker'] },
  { requested: 'process', there: ['process', 'quilt'], considered: ['process'] },
  {
    requested: 'auto',
    there: ['process', 'quilt', 'qemu'],
    more: { isInsecure: true },
    considered: ['process'],
  },
  { requested: 'process', there: ['process', 'quilt'], more: { isInsecure: true }, considered: ['process'] },
  {
    requested: 'auto',
    there: ['!process', 'quilt'],
    more: { isInsecure: true },
    considered: [],
    refused: 'tier.unavailable',
  },
  {
    requested: 'quilt',
    there: ['process', 'quilt'],
    more: { isInsecure: true },
    considered: [],
    refused: 'argument.invalid',
  },
];

for (const row of rows) {
  const title = `${row.requested} of [${row.there.join(', ')}] ${row.more ? JSON.stringify(row.more) : ''} → ${row.refused ?? row.considered.join(', ')}`;
  verifies('R-TIER-8', title, async () => {
    const selecting = selectBackend({
      requested: row.requested,
      backends: row.there.map((one) => backend(one)),
      probes: new ProbeCache({ clock }),
      ...row.more,
    });
    if (row.refused !== undefined) {
      await expect(selecting).rejects.toMatchObject({
        reason: row.refused,
        message: expect.not.stringContaining('..'),
        hint: expect.stringMatching(/./),
      });
      return;
    }
    const selection = await selecting;
    expect(selection.reasons.map((step) => step.backend)).toEqual(row.considered);
    expect(selection.backend.name).toBe(row.considered.at(-1));
    for (const step of selection.reasons.slice(0, -1))
      expect(step).toMatchObject({
        verdict: 'passedOver',
        reason: expect.stringMatching(/./),
        hint: expect.stringMatching(/./),
      });
    expect(selection.reasons.at(-1)).toMatchObject({ verdict: 'taken' });
  });
}

test('a refusal of a named tier says why and what to do', async () => {
  const selecting = selectBackend({
    requested: 'container',
    backends: ['!quilt', '!docker', 'process'].map((one) => backend(one)),
    probes: new ProbeCache({ clock }),
  });
  await expect(selecting).rejects.toMatchObject({
    message: 'Tier container is not available: quilt: There is no quilt; docker: There is no docker.',
    hint: 'Install quilt. Install docker.',
  });
});

test('answers hold for a short time, bad ones shorter; callers at the same time share a probe', async () => {
  let probes = 0;
  let isOk = false;
  const asked = backend('quilt', async () => {
    probes++;
    return isOk ? { ok: true, detail: 'runs' } : Promise.reject(new Error('crashed'));
  });
  const cache = new ProbeCache({ clock });
  const [first] = await Promise.all([cache.probe(asked), cache.probe(asked)]);
  expect([probes, first]).toEqual([
    1,
    { ok: false, reason: 'its probe failed: crashed', hint: expect.any(String) },
  ]);
  isOk = true;
  nowMs += 2_999;
  expect((await cache.probe(asked)).ok).toBe(false);
  nowMs += 1;
  expect((await cache.probe(asked)).ok).toBe(true);
  nowMs += 29_999;
  await cache.probe(asked);
  expect(probes).toBe(2);
  nowMs += 1;
  await cache.probe(asked);
  expect(probes).toBe(3);
  cache.forget(asked);
  await cache.probe(asked);
  expect(probes).toBe(4);
});

verifies(
  'R-TIER-8',
  'a backend that shows nothing of the host is passed over for what needs that, unasked',
  async () => {
    let probed = 0;
    const sealed = backend('qemu', async () => {
      probed++;
      return { ok: true, detail: 'runs' };
    });
    const backends = [
      { ...sealed, capabilities: { ...sealed.capabilities, isSealed: true } },
      backend('quilt'),
    ];
    const request = { requested: 'auto', backends, probes: new ProbeCache({ clock }) } as const;
    const shared = await selectBackend({ ...request, needsHostFiles: true });
    expect(shared.backend.name).toBe('quilt');
    expect(shared.reasons[0]).toMatchObject({
      verdict: 'passedOver',
      reason: expect.stringContaining('no directory'),
    });
    expect(probed).toBe(0);
    expect((await selectBackend({ ...request, needsHostFiles: false })).backend.name).toBe('qemu');
    await expect(
      selectBackend({ ...request, requested: 'microvm', needsHostFiles: true }),
    ).rejects.toMatchObject({ reason: 'tier.unavailable' });
  },
);

test('the host image, a workspace and a volume are files of the host', () => {
  const spec = { image: { kind: 'rootfs', path: '/r' } } as unknown as SandboxSpec;
  expect(needsHostFiles(spec)).toBe(false);
  expect(needsHostFiles({ ...spec, image: { kind: 'host' } })).toBe(true);
  expect(needsHostFiles({ ...spec, workspace: { hostPath: '/w' } })).toBe(true);
  expect(needsHostFiles({ ...spec, volumes: [{ volume: 'v', guestPath: '/v' }] })).toBe(true);
});
