import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseSandboxId, type SandboxSpec } from '@sovereign/core';
import { MachineState } from './machine-state.ts';

const warm: SandboxSpec = {
  id: parseSandboxId('sbx_0123456789ab'),
  image: { kind: 'host' },
  env: {},
  limits: {},
  network: 'none',
  isInsecure: false,
  labels: {},
  createdMs: 1,
  pool: { pool: 'ready' },
};
const { pool: _pool, ...claimed } = { ...warm, name: 'mine', env: { A: 'b' } };

let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'svs-'));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test('a machine that is claimed is what it was claimed as, and its name goes with it', async () => {
  const state = new MachineState(root);
  state.add(warm);
  state.rebind(claimed);
  expect(state.readSpec(warm.id)).toEqual(claimed);
  expect(() => {
    state.add({ ...claimed, id: parseSandboxId('sbx_ba9876543210') });
  }).toThrow(expect.objectContaining({ reason: 'sandbox.exists' }));
  await state.remove(warm.id, 'mine');
  expect(readdirSync(join(root, 'names'))).toEqual([]);
});

test('a claim that ended half-way has changed nothing, and leaves nothing when the machine is removed', async () => {
  const state = new MachineState(root);
  state.add(warm);
  const spec = join(state.directory(warm.id), 'spec.json');
  // The last step is a rename onto the record, and this makes it fail.
  rmSync(spec);
  mkdirSync(join(spec, 'in the way'), { recursive: true });
  expect(() => {
    state.rebind(claimed);
  }).toThrow();
  expect(existsSync(join(spec, 'in the way'))).toBe(true);
  expect(readdirSync(join(root, 'names'))).toEqual(['mine']);
  await state.remove(warm.id, undefined);
  expect(readdirSync(join(root, 'names'))).toEqual([]);
  expect(state.ids()).toEqual([]);
});
