import process from 'node:process';
import type { Bench } from './bench.ts';
import { available, type Available } from './figure.ts';
import type { Ours } from './ours.ts';
import type { Engine } from './peers/engine.ts';

/** Our docker backend on the engine that the peers use. */
export interface OursOnDocker {
  readonly ours: Ours;
  readonly engine: Engine;
}

/** It finds the engine as in any program of a user: by `DOCKER_HOST`. */
export async function oursOnDocker(bench: Bench): Promise<Available<OursOnDocker>> {
  const docker = await bench.docker();
  if (!docker.ok) return docker;
  process.env['DOCKER_HOST'] = docker.value.host;
  const ours = await bench.ours();
  return ours.ok ? available({ ours: ours.value, engine: docker.value }) : ours;
}
