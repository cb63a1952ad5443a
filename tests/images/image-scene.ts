import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createQuiltBackend } from '@sovereign/backends';
import { connectGuestChannel, findShelld } from '@sovereign/guest';
import type { ImageLibraryOptions, LayeredImages } from '@sovereign/images';
import { expectNothingLeft, leakSnapshot, sandboxSpecForTest } from '@sovereign/testkit';

export type LibrarySettings = Omit<ImageLibraryOptions, 'directory' | 'unpacker'>;

/** quilt with a library of its own, in a directory that is gone afterwards, and the certainty that nothing else is left. */
export class ImageScene {
  readonly root: string;
  readonly #backends: ReturnType<typeof createQuiltBackend>[] = [];

  private constructor(root: string) {
    this.root = root;
  }

  static async play(act: (scene: ImageScene) => Promise<void>): Promise<void> {
    const root = await mkdtemp(join(tmpdir(), 'svi-'));
    await chmod(root, 0o755);
    for (const name of ['state', 'run']) await mkdir(join(root, name), { mode: 0o700 });
    const scene = new ImageScene(root);
    const scope = { marks: () => [root] };
    const before = await leakSnapshot(scope);
    try {
      await act(scene);
      await scene.#close();
      await expectNothingLeft(before, scope);
    } finally {
      await scene.#close();
      await rm(root, { recursive: true, force: true });
    }
  }

  /** A backend; any number may stand on the scene's directories. Credentials come from nowhere unless `settings` say so. */
  backend(settings: LibrarySettings = {}): ReturnType<typeof createQuiltBackend> {
    const backend = createQuiltBackend({
      stateDirectory: join(this.root, 'state'),
      runtimeDirectory: join(this.root, 'run'),
      shelldPath: findShelld(),
      images: { env: { PATH: process.env['PATH'] }, home: join(this.root, 'home'), ...settings },
    });
    this.#backends.push(backend);
    return backend;
  }

  library(settings: LibrarySettings = {}): LayeredImages {
    return this.backend(settings).images;
  }

  /** Where the library keeps a thing. */
  path(...names: readonly string[]): string {
    return join(this.root, 'state', 'images', 'library', ...names);
  }

  /** Runs a shell script in a new sandbox of an image, and removes it. */
  async run(
    reference: string,
    script: string,
  ): Promise<{ readonly exitCode: number; readonly output: string }> {
    const backend = this.backend();
    const spec = sandboxSpecForTest({ image: { kind: 'reference', reference } });
    const guest = await backend.create(spec);
    try {
      const channel = connectGuestChannel(await guest.connect());
      const output: string[] = [];
      const env = Object.entries(guest.baseEnv).map(([name, value]) => `${name}=${value}`);
      const process = channel.exec(
        { command: 'sh', args: ['-c', script], cwd: guest.workspacePath, env },
        (_stream, data) => {
          output.push(Buffer.from(data).toString('utf8'));
        },
      );
      const { exitCode } = await process.exit;
      await channel.close();
      return { exitCode, output: output.join('') };
    } finally {
      await guest.remove();
    }
  }

  async #close(): Promise<void> {
    for (const backend of this.#backends.splice(0)) await backend.close();
  }
}
