import { describe, expect } from 'vitest';
import type { EngineEvent } from '@sovereign/core';
import { verifies } from '../../requirements/verifies.ts';
import { within } from '../eventually.ts';
import { containersContract } from './containers-contract.ts';
import { EngineScene, type EngineContractOptions } from './engine-subject.ts';
import { imagesContract } from './images-contract.ts';
import { layersContract } from './layers-contract.ts';
import { networksContract } from './networks-contract.ts';
import { usersContract } from './users-contract.ts';
import { volumesContract } from './volumes-contract.ts';

/**
 * Every promise of `ContainerEngine`, for every engine that there is. An ability is tested in both directions: what the
 * engine has works, what it lacks is refused with `capability.missing`.
 */
export function containerEngineContract(options: EngineContractOptions): void {
  const limits = options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs };
  describe(`container engine contract: ${options.name}`, limits, () => {
    describe('containers', () => containersContract(options));
    describe('images', () => imagesContract(options));
    describe('users', () => usersContract(options));
    describe('volumes', () => volumesContract(options));
    describe('networks', () => networksContract(options));
    describe('layers', () => layersContract(options));
    describe('events and leftovers', () => watching(options));
  });
}

function watching(options: EngineContractOptions): void {
  const play = (act: (scene: EngineScene) => Promise<void>): Promise<void> => EngineScene.play(options, act);

  verifies(
    'R-PRIM-2',
    'events tell the life of a container in order, and end with their signal',
    async () => {
      await play(async (scene) => {
        const { name } = await scene.image();
        const leaving = new AbortController();
        const seen: EngineEvent[] = [];
        const guest = await scene.stage.backend.define(scene.spec(name));
        const events = scene.engine.events(leaving.signal);
        const listening = (async () => {
          for await (const event of events) {
            if (event.subject === guest.id) seen.push(event);
            if (event.kind === 'removed' && event.subject === guest.id) leaving.abort();
          }
        })();
        await guest.start();
        await guest.stop({ graceMs: 200 });
        await guest.remove();
        await within('the events to end', listening);
        const kinds = seen.map(({ kind }) => kind);
        expect(kinds[0]).toBe('started');
        expect(kinds.at(-1)).toBe('removed');
        expect(kinds.slice(1, -1).every((kind) => kind === 'stopped' || kind === 'died')).toBe(true);
        expect(kinds.length).toBeGreaterThanOrEqual(3);
        expect(seen.every(({ atMs }) => Math.abs(atMs - Date.now()) < 60_000)).toBe(true);
      });
    },
  );

  verifies('R-PRIM-2', 'whoever stops listening is let go', async () => {
    await play(async (scene) => {
      const leaving = new AbortController();
      const events = scene.engine.events(leaving.signal)[Symbol.asyncIterator]();
      const waiting = events.next();
      leaving.abort();
      expect(await within('the iteration to end', waiting)).toMatchObject({ done: true });
    });
  });

  verifies('R-PRIM-7', 'what is in use is no leftover, and looking changes nothing', async () => {
    await play(async (scene) => {
      const { name } = await scene.image();
      const guest = await scene.started(name);
      await scene.write(guest, '/kept', 'kept');
      const found = await scene.engine.leftovers();
      expect(found.filter(({ id }) => id.includes(guest.id))).toEqual([]);
      await guest.stop({ graceMs: 200 });
      expect((await scene.engine.leftovers()).filter(({ id }) => id.includes(guest.id))).toEqual([]);
      await guest.start();
      expect(await scene.read(guest, '/kept')).toBe('kept');
      await guest.remove();
      expect((await scene.engine.leftovers()).filter(({ id }) => id.includes(guest.id))).toEqual([]);
    });
  });
}
