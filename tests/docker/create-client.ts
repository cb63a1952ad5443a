/** Creates one sandbox and waits: a client to be killed. It says when it begins. */
import { createDockerBackend, type DockerOptions } from '@sovereign/backends';
import { findShelld } from '@sovereign/guest';
import { createSandboxId } from '@sovereign/core';

const options = JSON.parse(process.argv[2] ?? '') as Omit<DockerOptions, 'shelldPath'>;
const backend = createDockerBackend({ ...options, shelldPath: findShelld(), env: {} });
await backend.probe();
process.stdout.write('begins\n');
await backend.create({
  id: createSandboxId(),
  image: { kind: 'host' },
  env: {},
  limits: {},
  network: 'none',
  isInsecure: false,
  labels: {},
  createdMs: Date.now(),
});
setInterval(() => undefined, 1_000);
