import { createHash } from 'node:crypto';
import { rawTar, type RawEntry } from '../../packages/images/src/tar/tar-for-test.ts';
import { busyboxRoot } from '../images/busybox-root.ts';

/** Users of the image: its USER, and one who has files that nobody else may read. */
export const owners = { app: 1000, www: 33 } as const;

const accounts = `root:x:0:0::/:/bin/sh\nwww:x:${owners.www}:${owners.www}::/srv:/bin/sh\napp:x:${owners.app}:${owners.app}::/app:/bin/sh\n`;

const entries: readonly RawEntry[] = [
  ...['proc/', 'dev/', 'run/'].map((name) => ({ name, type: '5' })),
  { name: 'etc/passwd', content: accounts, mode: 0o644 },
  { name: 'srv/', type: '5' },
  { name: 'srv/page', content: 'page', mode: 0o644, owner: owners.www },
  { name: 'srv/closed/', type: '5', mode: 0o500, owner: owners.www },
  { name: 'srv/closed/kept', content: 'kept', mode: 0o400, owner: owners.www },
  { name: 'app/', type: '5', mode: 0o700, owner: owners.app },
];

/** The same as one tar of a root, with a file of 1 KiB at its end. */
export async function ownedRoot(): Promise<Buffer> {
  const last = { name: 'last', content: 'x'.repeat(1024) };
  return Buffer.concat([(await busyboxRoot()).subarray(0, -1024), rawTar([...entries, last])]);
}

/** An archive as `docker save` writes it, of image `owners:1`: files of three users, one of whom is its USER. */
export async function severalOwners(): Promise<Buffer> {
  const layers = [await busyboxRoot(), rawTar(entries)];
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { User: 'app', Env: ['PATH=/bin'] },
    rootfs: {
      type: 'layers',
      diff_ids: layers.map((layer) => `sha256:${createHash('sha256').update(layer).digest('hex')}`),
    },
  });
  const names = layers.map((_, index) => `${index}/layer.tar`);
  const manifest = JSON.stringify([{ Config: 'config.json', RepoTags: ['owners:1'], Layers: names }]);
  return rawTar([
    { name: 'config.json', content: config },
    ...names.map((name, index) => ({ name, content: layers[index] ?? '' })),
    { name: 'manifest.json', content: manifest },
  ]);
}
