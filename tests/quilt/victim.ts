/**
 * Does one thing to quilt again and again until it is killed in the middle of it. Its arguments: the root of a scene, what
 * to do, and the id of a sandbox. It says `ready` on stdout, and begins when a line comes on stdin.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { createQuiltBackend } from '@sovereign/backends';
import type { SandboxId, SandboxSpec } from '@sovereign/core';

const [root = '', operation = '', id = '', shelldPath = ''] = process.argv.slice(2);
const sandbox = id as SandboxId;
const backend = createQuiltBackend({
  stateDirectory: join(root, 'state'),
  runtimeDirectory: join(root, 'run'),
  shelldPath,
});
const { engine } = backend;
if (engine === undefined) throw new Error('quilt is no container engine');

let count = 0;

function spec(): SandboxSpec {
  const digits = `${process.pid.toString(36)}${(count++).toString(36)}`.padStart(12, '0');
  return {
    id: `sbx_${digits}` as SandboxId,
    name: `victim-${digits}`,
    image: { kind: 'host' },
    env: {},
    limits: {},
    network: 'none',
    isInsecure: false,
    volumes: [{ volume: 'data', guestPath: '/data' }],
    labels: {},
    createdMs: Date.now(),
  };
}

const operations: Readonly<Record<string, () => Promise<unknown>>> = {
  create: async () => (await backend.create(spec())).remove(),
  'create of an archive': async () => {
    const image = { kind: 'tar', path: join(root, 'image.tar') } as const;
    await (await backend.create({ ...spec(), volumes: [], image })).remove();
  },
  attach: async () => {
    await engine.volumes.attach(sandbox, { volume: 'data', guestPath: '/data' });
    await engine.volumes.detach(sandbox, '/data');
  },
  fork: async () => (await engine.fork(sandbox, { ...spec(), volumes: [] })).remove(),
  commit: async () => {
    const { id } = await engine.commit(sandbox, { reference: `made:${count++}` });
    if (id === '') throw new Error('no id');
    await engine.images.remove(`made:${count - 1}`);
  },
  volume: async () => {
    await engine.volumes.create('made', process.geteuid?.() === 0 ? { sizeBytes: 4_194_304 } : {});
    await engine.volumes.remove('made');
  },
  undo: async () => {
    const { step } = (await engine.review?.apply(sandbox, { paths: ['.'] })) ?? {};
    if (typeof step !== 'string') throw new Error('nothing was applied');
    await engine.review?.undo(step);
  },
  network: async () => {
    await engine.networks.create('made');
    await engine.networks.connect('made', sandbox);
    await engine.networks.disconnect('made', sandbox);
    await engine.networks.remove('made');
  },
};

const act = operations[operation];
if (act === undefined) throw new Error(`no operation ${operation}`);
// Once whole, so that what is made at first use is not what is interrupted.
await act();
process.stdout.write('ready\n');
await once(process.stdin, 'data');
for (;;) await act();
