import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Cleanup } from '../cleanup.ts';
import { findProgram } from './find-program.ts';

/** A registry on loopback that holds one image. */
export interface LocalRegistry {
  readonly host: string;
  /** `host/name:tag` */
  readonly image: string;
  /** The command that serves the same content at the same address in another network namespace. */
  readonly command: string;
}

export interface ImageShape {
  readonly layers: number;
  /** Of each layer, as plain files; every other 64 KiB of them cannot be compressed. */
  readonly layerBytes: number;
}

const fileBytes = 64 * 1024;

/** @throws Error without docker-registry */
export async function startRegistry(
  directory: string,
  shape: ImageShape,
  cleanup: Cleanup,
): Promise<LocalRegistry> {
  const program = findProgram('docker-registry');
  if (program === undefined) throw new Error('docker-registry is not installed');
  mkdirSync(directory, { recursive: true });
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(directory, 'config.yml');
  const storage = { filesystem: { rootdirectory: join(directory, 'data') } };
  writeFileSync(
    config,
    JSON.stringify({ version: '0.1', log: { level: 'error' }, storage, http: { addr: host } }),
  );
  const child = spawn(program, ['serve', config], {
    stdio: 'ignore',
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
  });
  const ended = once(child, 'exit');
  cleanup.defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const deadline = performance.now() + 10_000;
  while (
    !(await fetch(`http://${host}/v2/`).then(
      (answer) => answer.ok,
      () => false,
    ))
  ) {
    if (performance.now() > deadline) throw new Error('docker-registry did not start');
    await delay(50);
  }
  await push(host, directory, shape);
  return {
    host,
    image: `${host}/bench/app:1`,
    command: `OTEL_TRACES_EXPORTER=none ${program} serve ${config}`,
  };
}

async function push(host: string, directory: string, shape: ImageShape): Promise<void> {
  const tars = Array.from({ length: shape.layers }, (_, at) =>
    layerTar(join(directory, 'layer'), at, shape.layerBytes),
  );
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: tars.map(digestOf) },
    }),
  );
  const layers = tars.map((tar) => gzipSync(tar, { level: 6 }));
  for (const blob of [config, ...layers]) {
    const begun = await fetch(`http://${host}/v2/bench/app/blobs/uploads/`, { method: 'POST' });
    const place = new URL(begun.headers.get('location') ?? '', `http://${host}`);
    place.searchParams.set('digest', digestOf(blob));
    await expectOk(
      fetch(place, {
        method: 'PUT',
        body: new Uint8Array(blob),
        headers: { 'content-type': 'application/octet-stream' },
      }),
    );
  }
  const type = 'application/vnd.docker.distribution.manifest.v2+json';
  const describe = (mediaType: string, bytes: Buffer): object => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.byteLength,
  });
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: type,
    config: describe('application/vnd.docker.container.image.v1+json', config),
    layers: layers.map((layer) => describe('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)),
  });
  await expectOk(
    fetch(`http://${host}/v2/bench/app/manifests/1`, {
      method: 'PUT',
      body,
      headers: { 'content-type': type },
    }),
  );
}

function layerTar(directory: string, layer: number, bytes: number): Buffer {
  const place = join(directory, `opt/layer${layer}`);
  mkdirSync(place, { recursive: true });
  for (let at = 0; at * fileBytes < bytes; at++) {
    const content = Buffer.alloc(fileBytes, `line ${at} of layer ${layer}\n`);
    writeFileSync(join(place, `file${at}`), at % 2 === 0 ? content : randomFillSync(content));
  }
  try {
    return execFileSync('tar', ['-C', directory, '--sort=name', '-c', '.'], {
      maxBuffer: 2 * bytes + 16 * 2 ** 20,
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function expectOk(answer: Promise<Response>): Promise<void> {
  const { ok, status } = await answer;
  if (!ok) throw new Error(`docker-registry answered ${status}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
