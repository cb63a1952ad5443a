import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findShelld } from '@sovereign/guest';
import { LocalArtifacts } from '@sovereign/microvm';
import type { CreateOptions, Sovereign } from '@sovereign/sdk';
import { FaultScene, type Client } from '../faults/support.ts';
import { microvmImageDirectory } from '../support/tiers.ts';
import { makeImage } from './scene.ts';

/** A home with machines of an image of busybox alone, for clients here and in processes of their own; nothing is left of it. */
export class MachineHome {
  readonly scene: FaultScene;
  readonly options: Required<Pick<CreateOptions, 'tier' | 'image' | 'limits'>>;
  readonly env: Readonly<Record<string, string>>;

  private constructor(scene: FaultScene, kernelPath: string) {
    const path = scene.path('image');
    this.scene = scene;
    this.env = { SOVEREIGN_MICROVM_KERNEL: kernelPath };
    this.options = {
      tier: 'qemu',
      image: { kind: 'rootfs', path },
      limits: { memoryBytes: 128 * 1024 * 1024 },
    };
  }

  static async play(act: (machines: MachineHome) => Promise<void>): Promise<void> {
    const built = new LocalArtifacts({ imageDirectory: microvmImageDirectory, shelldPath: findShelld() });
    const kernelPath = process.env['SOVEREIGN_MICROVM_KERNEL'] ?? (await built.kernel()).path;
    await FaultScene.play(async (scene) => {
      const machines = new MachineHome(scene, kernelPath);
      await makeImage(scene.path('image'));
      await act(machines);
    }, 30_000);
  }

  client(): Promise<Sovereign> {
    return this.scene.client({ ...process.env, ...this.env });
  }

  /** A client in a process of its own. */
  child(operation: string, options: object = {}): Promise<Client> {
    return this.scene.child(operation, { ...this.options, ...options }, this.env);
  }

  /** The first process of a machine's jail, as the host counts. */
  async firstProcess(id: string): Promise<number> {
    const file = this.scene.path('h', 'state', 'qemu', 'sandboxes', id, 'machine.json');
    return Number(/"pid":(\d+)/.exec(await readFile(file, 'utf8'))?.[1]);
  }

  /** Files of sandboxes, names, snapshots and sockets. */
  async left(): Promise<readonly string[]> {
    const state = ['sandboxes', 'names', 'snapshots'].map((name) => join('state', 'qemu', name));
    const below = async (name: string): Promise<readonly string[]> =>
      (await readdir(this.scene.path('h', name)).catch(() => [])).map((found) => join(name, found));
    return (await Promise.all([...state, 'run'].map(below))).flat();
  }
}
