import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { ownedName, sweepAbandoned } from '@sovereign/guest';
import type { BuildCall } from './artifacts.ts';
import { keyOf } from './content-digest.ts';
import { checkKernelImage } from './kernel-image.ts';
import { runStep } from './run-step.ts';

/** Where distributions put the source of their kernel. */
const sourceDirectory = '/usr/src';

export interface KernelPipeline {
  /** Directory with `kernel.config` and `build-kernel.sh`. */
  readonly directory: string;
  /** Default: the newest `linux-source-*.tar.xz` of the distribution. */
  readonly sourcePath?: string;
}

/** What names a kernel: its configuration and how it is built. The source is that of the host when it was built. */
export function kernelKey(pipeline: KernelPipeline): string {
  return keyOf(
    readFileSync(join(pipeline.directory, 'kernel.config')),
    readFileSync(join(pipeline.directory, 'build-kernel.sh')),
  );
}

/** Builds the kernel to `target`. @throws SovereignError `microvm.build-failed`, `operation.cancelled` */
export async function buildKernel(
  pipeline: KernelPipeline,
  workDirectory: string,
  target: string,
  call: BuildCall,
): Promise<void> {
  const source = pipeline.sourcePath ?? newestSource();
  if (source === undefined || !existsSync(source)) throw sourceMissing(source);
  mkdirSync(workDirectory, { recursive: true, mode: 0o755 });
  sweepAbandoned(workDirectory);
  const work = ownedName(join(workDirectory, 'kernel'));
  const tell = (text: string): void => call.onProgress?.({ step: 'kernel', text });
  tell(`building from ${source}`);
  try {
    await runStep(
      [
        '/bin/sh',
        join(pipeline.directory, 'build-kernel.sh'),
        source,
        join(pipeline.directory, 'kernel.config'),
        work,
        target,
      ],
      { ...(call.signal !== undefined && { signal: call.signal }), onText: tell },
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  checkKernelImage(target);
}

function newestSource(): string | undefined {
  if (!existsSync(sourceDirectory)) return undefined;
  const names = readdirSync(sourceDirectory).filter((name) => /^linux-source-[\d.]+\.tar\.xz$/.test(name));
  const newest = names.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  return newest === undefined ? undefined : join(sourceDirectory, newest);
}

function sourceMissing(path: string | undefined): SovereignError {
  return new SovereignError({
    reason: 'microvm.build-failed',
    message: `There is no kernel source to build from: ${path ?? `${sourceDirectory}/linux-source-*.tar.xz`}.`,
    hint: 'Install it, for example: sudo apt-get install linux-source-6.1 bc bison flex libelf-dev',
  });
}
