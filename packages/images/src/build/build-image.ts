import { constants, createWriteStream, existsSync, mkdirSync, statSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  ownedName,
  throwIfCancelled,
  type BuildOptions,
  type ImageRecord,
  type Shortfall,
} from '@sovereign/core';
import { SovereignError } from '@sovereign/protocol';
import { loadArchive } from '../archive/load-archive.ts';
import { saveArchive } from '../archive/save-archive.ts';
import { invalidImage, quoted } from '../image-errors.ts';
import type { LibraryCore } from '../library-core.ts';
import { normaliseReference } from '../reference/image-reference.ts';
import type { BuildGuest } from './build-guest.ts';
import { BuildOutput } from './build-output.ts';
import { dockerfileBases } from './dockerfile-bases.ts';

export interface BuildInit {
  readonly guest: BuildGuest | undefined;
  /** Fetches an image that the Dockerfile names and the library does not have. */
  readonly pull: (reference: string) => Promise<ImageRecord>;
}

const maxDockerfileBytes = 1024 * 1024;

/** No store, no policy and no registry of the host: all of a build is in its directory, and images come from the library. */
const store = ['--root', '/build/root', '--runroot', '/build/runroot', '--storage-driver', 'vfs'] as const;
const policy = ['--signature-policy', '/build/policy.json'] as const;
const environment = {
  HOME: '/build',
  TMPDIR: '/build/tmp',
  XDG_RUNTIME_DIR: '/build',
  LC_ALL: 'C.UTF-8',
} as const;

/**
 * Builds a Dockerfile with buildah in a guest (ADR 0009), and takes the result in as an archive: it is verified like any
 * other, and listed when it is whole.
 */
export async function buildImage(
  core: LibraryCore,
  options: BuildOptions,
  init: BuildInit,
): Promise<ImageRecord> {
  const { guest } = init;
  const name = normaliseReference(options.reference);
  const dockerfile = await readDockerfile(options);
  if (guest?.has('buildah') !== true) throw builderMissing();
  return core.work(options.signal, async () => {
    const directory = join(core.paths.ingest, ownedName('build'));
    mkdirSync(join(directory, 'tmp'), { recursive: true, mode: 0o755 });
    try {
      await writeFile(join(directory, 'Dockerfile'), dockerfile);
      await writeFile(join(directory, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
      const output = new BuildOutput((text) => options.onProgress?.({ kind: 'log', text }));
      const run = async (args: readonly string[]): Promise<void> => {
        throwIfCancelled(options.signal);
        const exitCode = await guest.run({
          directory,
          contextPath: options.contextPath,
          command: 'buildah',
          args: [...store, ...args],
          env: environment,
          hasNetwork: options.network === 'host',
          onOutput: (bytes) => output.add(bytes),
          ...(options.signal && { signal: options.signal }),
        });
        output.end();
        throwIfCancelled(options.signal);
        if (exitCode !== 0) throw buildFailed(output, exitCode, guest.shortfall?.());
      };
      for (const base of dockerfileBases(dockerfile, options.buildArgs ?? {})) {
        const archive = await exportBase(core, base, directory, init);
        if (archive !== undefined) await run(['pull', ...policy, `oci-archive:/build/base.tar:${archive}`]);
      }
      await run(buildArguments(options, name));
      await run(['push', ...policy, name, `oci-archive:/build/out.tar:${name}`]);
      const [record] = await loadArchive(core, resultOf(join(directory, 'out.tar')), options);
      if (record === undefined) throw buildFailed(output, 0);
      return record;
    } finally {
      await core.unpacker.remove(directory);
    }
  });
}

function buildArguments(options: BuildOptions, name: string): readonly string[] {
  return [
    ...['build', ...policy, '--isolation', 'chroot', '--format', 'oci', '--layers=false', '--pull-never'],
    ...Object.entries(options.buildArgs ?? {}).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
    ...(options.target === undefined ? [] : ['--target', options.target]),
    ...['-f', '/build/Dockerfile', '-t', name, '/context'],
  ];
}

async function readDockerfile(options: BuildOptions): Promise<string> {
  const { contextPath, dockerfile = 'Dockerfile' } = options;
  if (!isAbsolute(contextPath) || statSync(contextPath, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw invalidImage(`the context ${quoted(contextPath)} is no directory (an absolute path expected)`);
  const path = resolve(contextPath, dockerfile);
  if (!path.startsWith(contextPath.endsWith(sep) ? contextPath : contextPath + sep) || !existsSync(path))
    throw invalidImage(`there is no ${quoted(dockerfile)} in the context ${quoted(contextPath)}`);
  if (statSync(path).size > maxDockerfileBytes)
    throw invalidImage(`${quoted(path)} is larger than ${maxDockerfileBytes} bytes`);
  return readFile(path, 'utf8');
}

/** Lays an image beside the build as an archive; undefined for what is no name, which the builder may complain of. */
async function exportBase(
  core: LibraryCore,
  base: string,
  directory: string,
  init: BuildInit,
): Promise<string | undefined> {
  let name: string;
  try {
    name = normaliseReference(base);
  } catch {
    return undefined;
  }
  try {
    await core.find(name);
  } catch (error) {
    if (!(error instanceof SovereignError) || error.reason !== 'image.not-found') throw error;
    await init.pull(name);
  }
  await pipeline(saveArchive(core, [name]), createWriteStream(join(directory, 'base.tar')));
  return name;
}

/**
 * SAFETY: the guest is gone, but what it left in its directory is its own choice: a link or a pipe in the archive's place
 * is not opened.
 */
async function* resultOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw invalidImage('what was built is no archive');
    for await (const bytes of file.createReadStream({ autoClose: false, highWaterMark: 256 * 1024 }))
      yield bytes as Uint8Array;
  } finally {
    await file.close();
  }
}

function buildFailed(output: BuildOutput, exitCode: number, shortfall?: Shortfall): SovereignError {
  const { step, tail } = output;
  const where =
    step === undefined
      ? 'before its first step'
      : `in step ${step.number} of ${step.of}: ${step.text.slice(0, 300)}`;
  return new SovereignError({
    reason: 'image.build-failed',
    message: `The build failed ${where} (the builder ended with ${exitCode}): ${tail.slice(-1_500)}`,
    hint:
      shortfall === undefined || !/operation not permitted|invalid argument/i.test(tail)
        ? 'Correct that step of the Dockerfile. Steps have no network unless the build is given one.'
        : `The builder may not become another user: ${shortfall.why}. ${shortfall.hint}`,
    context: {
      ...(step && { step: step.number, steps: step.of, instruction: step.text.slice(0, 300) }),
      log: tail.slice(-4_000),
    },
  });
}

function builderMissing(): SovereignError {
  return new SovereignError({
    reason: 'image.builder-missing',
    message: 'buildah is not installed, so Dockerfiles cannot be built on quilt.',
    hint: 'Install it, for example: sudo apt-get install buildah',
  });
}
