import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '@sovereign/guest';
import { requiredNeeds, type EngineContractOptions } from '@sovereign/testkit';
import { afterAll } from 'vitest';
import { RealRegistry, registryAbsence } from '../images/real-registry.ts';

/** A registry for the test file, and how an image gets into it; neither where the programs for it are not installed. */
export interface Publishing {
  readonly registry?: RealRegistry;
  readonly publish?: NonNullable<EngineContractOptions['publish']>;
}

/**
 * Starts a registry that ends with the test file.
 *
 * @throws Error where `SOVEREIGN_REQUIRE` names `registry` and it cannot be
 */
export async function startPublishing(): Promise<Publishing> {
  const missing =
    registryAbsence() ?? (findProgram('skopeo') === undefined ? 'skopeo is not installed' : undefined);
  if (missing !== undefined) {
    if (requiredNeeds().has('registry')) throw new Error(`SOVEREIGN_REQUIRE names registry, and ${missing}`);
    return {};
  }
  const directory = await mkdtemp('/tmp/svr-');
  afterAll(() => rm(directory, { recursive: true, force: true }));
  const registry = await RealRegistry.start(join(directory, 'registry'));
  afterAll(() => registry.close());
  return { registry, publish: (archive) => publish(registry, directory, archive) };
}

async function publish(
  registry: RealRegistry,
  directory: string,
  archive: Uint8Array,
): ReturnType<NonNullable<Publishing['publish']>> {
  const name = `published-${randomBytes(4).toString('hex')}`;
  const [path, reference] = [join(directory, `${name}.tar`), `${registry.host}/${name}:1`];
  await writeFile(path, archive);
  await promisify(execFile)('skopeo', [
    ...['copy', '--quiet', '--insecure-policy', '--dest-tls-verify=false'],
    ...[`oci-archive:${path}`, `docker://${reference}`],
  ]);
  return { reference, missing: `${registry.host}/${name}:none`, dispose: () => rm(path) };
}
