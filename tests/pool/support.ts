import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileLedger, readLedger, SovereignRuntime, verifyLedger, type Backend } from '@sovereign/core';
import { connectGuestChannel } from '@sovereign/guest';
import { expect } from 'vitest';

/** A runtime on directories of one test's own. */
export class PoolScene {
  readonly runtime: SovereignRuntime;
  readonly root: string;

  readonly #backend: Backend;

  private constructor(root: string, backend: Backend) {
    this.root = root;
    this.#backend = backend;
    this.runtime = new SovereignRuntime({
      backends: [backend],
      ledger: new FileLedger({ directory: join(root, 'ledger') }),
      actor: { via: 'test', user: 'tester' },
      openChannel: (stream) => connectGuestChannel(stream),
      healthTimeoutMs: 5_000,
    });
  }

  static async play(
    make: (root: string) => Backend,
    act: (scene: PoolScene) => Promise<void>,
  ): Promise<void> {
    const root = await mkdtemp(join(tmpdir(), 'svp-'));
    const scene = new PoolScene(root, make(root));
    try {
      await act(scene);
    } finally {
      await scene.runtime.close();
      for (const { id } of await scene.#backend.list()) await (await scene.#backend.attach(id)).remove();
      await scene.#backend.close();
      await rm(root, { recursive: true, force: true });
    }
  }

  /** Ids of all sandboxes that exist, ready ones included. */
  async ids(): Promise<readonly string[]> {
    return (await this.runtime.list()).sandboxes.map(({ id }) => id);
  }

  /** The intents of these kinds of action, or of all, oldest first; the whole ledger verifies. */
  async intents(...actions: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const directory = join(this.root, 'ledger');
    expect(await verifyLedger(directory)).toMatchObject({ ok: true, intentsWithoutOutcome: [] });
    const found: Readonly<Record<string, unknown>>[] = [];
    for await (const { members } of readLedger(directory, {
      kinds: ['intent'],
      ...(actions.length > 0 && { actions }),
    })) {
      const { action } = members;
      if (typeof action === 'object' && action !== null) found.push({ ...action });
    }
    return found;
  }
}
