import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SandboxId, SandboxSpec } from '@sovereign/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { QuiltState } from './quilt-state.ts';

let root = '';
let state: QuiltState;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'qs-'));
  state = new QuiltState(root);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const idOf = (index: number): SandboxId => `sbx_${String(index).padStart(12, '0')}` as SandboxId;
const specOf = (index: number, name?: string): SandboxSpec => ({
  id: idOf(index),
  ...(name !== undefined && { name }),
  image: { kind: 'host' },
  env: {},
  limits: {},
  network: 'none',
  isInsecure: false,
  labels: {},
  createdMs: 0,
});
const nobody = (): Promise<void> => Promise.reject(new Error('not needed'));
const exists: unknown = expect.objectContaining({ reason: 'sandbox.exists' });

describe('state of quilt', () => {
  test('what was added is listed, read, and gone when it is removed', async () => {
    state.add(specOf(1, 'one'));
    expect(state.ids()).toEqual([idOf(1)]);
    expect(state.readSpec(idOf(1))).toEqual(specOf(1, 'one'));
    expect(state.readGuest(idOf(1))).toBeUndefined();
    await state.remove(idOf(1), 'one', nobody);
    expect([state.ids(), readdirSync(join(root, 'names')), readdirSync(join(root, 'sandboxes'))]).toEqual([
      [],
      [],
      [],
    ]);
    await state.remove(idOf(1), 'one', nobody);
    expect(() => state.readSpec(idOf(1))).toThrow(expect.objectContaining({ reason: 'sandbox.not-found' }));
  });

  test('a name and an id are given once; a refused one leaves nothing', () => {
    state.add(specOf(1, 'one'));
    expect(() => state.add(specOf(2, 'one'))).toThrow(exists);
    expect(() => state.add(specOf(1))).toThrow(exists);
    expect(readdirSync(join(root, 'sandboxes'))).toEqual([idOf(1)]);
    expect(readFileSync(join(root, 'names', 'one'), 'utf8')).toBe(idOf(1));
  });

  test('a name is held by a sandbox that is being made, and free when that was left long ago', () => {
    mkdirSync(join(root, 'names'), { recursive: true });
    mkdirSync(join(root, 'sandboxes', `${idOf(1)}.partial`), { recursive: true });
    writeFileSync(join(root, 'names', 'one'), idOf(1));
    expect(() => state.add(specOf(2, 'one'))).toThrow(exists);
    utimesSync(join(root, 'sandboxes', `${idOf(1)}.partial`), 1, 1);
    state.add(specOf(2, 'one'));
    expect(readFileSync(join(root, 'names', 'one'), 'utf8')).toBe(idOf(2));
  });

  test('removing frees a name only of its own', async () => {
    state.add(specOf(1, 'one'));
    writeFileSync(join(root, 'names', 'one'), idOf(2));
    state.add(specOf(2));
    await state.remove(idOf(1), 'one', nobody);
    expect(readFileSync(join(root, 'names', 'one'), 'utf8')).toBe(idOf(2));
  });

  test('two removals at once both end', async () => {
    state.add(specOf(1, 'one'));
    for (let index = 0; index < 200; index++) {
      const path = join(state.layerPath(idOf(1)), 'upper', `d${index}`);
      mkdirSync(path);
      writeFileSync(join(path, 'file'), '');
    }
    await Promise.all([1, 2, 3].map(() => state.remove(idOf(1), 'one', nobody)));
    expect(readdirSync(join(root, 'sandboxes'))).toEqual([]);
  });

  test('what is not a state file of a sandbox is corrupt, or not there', () => {
    state.add(specOf(1));
    rmSync(join(state.directory(idOf(1)), 'spec.json'));
    expect(() => state.readSpec(idOf(1))).toThrow(
      expect.objectContaining({ reason: 'sandbox.state-corrupt' }),
    );
    mkdirSync(join(state.directory(idOf(1)), 'spec.json'));
    expect(() => state.readSpec(idOf(1))).toThrow(
      expect.objectContaining({ reason: 'sandbox.state-corrupt' }),
    );
    writeFileSync(join(state.directory(idOf(1)), 'guest.json'), '{');
    expect(() => state.readGuest(idOf(1))).toThrow(
      expect.objectContaining({ reason: 'sandbox.state-corrupt' }),
    );
  });

  test('a guest file is replaced whole', () => {
    state.add(specOf(1));
    const guest = { pid: 5, startTicks: 6, bootId: 'b', workspaceOwnership: 'mapped' } as const;
    state.writeGuest(idOf(1), guest);
    expect(state.readGuest(idOf(1))).toEqual(guest);
    expect(readdirSync(state.directory(idOf(1))).sort()).toEqual([
      'creator.json',
      'guest.json',
      'layer',
      'spec.json',
    ]);
  });

  test('sweeping takes old halves, not young ones, not others', async () => {
    state.add(specOf(1));
    for (const name of [
      `${idOf(2)}.partial`,
      `${idOf(3)}.removed`,
      `${idOf(4)}.partial`,
      'other.partial',
      `${idOf(5)}.old`,
    ]) {
      mkdirSync(join(root, 'sandboxes', name));
      if (!name.startsWith(idOf(4))) utimesSync(join(root, 'sandboxes', name), 1, 1);
    }
    await state.sweep(nobody);
    expect(readdirSync(join(root, 'sandboxes')).sort()).toEqual(
      ['other.partial', idOf(1), `${idOf(4)}.partial`, `${idOf(5)}.old`].sort(),
    );
    expect(existsSync(state.layerPath(idOf(1)))).toBe(true);
  });
});
