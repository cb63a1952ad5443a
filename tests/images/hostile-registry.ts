import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** An image as this registry has it. */
export interface ServedImage {
  readonly layers: readonly Buffer[];
  readonly manifest: Buffer;
  readonly manifestDigest: string;
  readonly blobs: ReadonlyMap<string, Buffer>;
}

export interface ImageLies {
  /** Replaces members of the manifest before it is written. */
  readonly manifest?: (document: Record<string, unknown>) => unknown;
  readonly config?: (document: Record<string, unknown>) => unknown;
}

export const sha256 = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Makes an image of plain layer tars, compressed with gzip. */
export function makeImage(tars: readonly Buffer[], lies: ImageLies = {}): ServedImage {
  const layers = tars.map((tar) => gzipSync(tar, { level: 1 }));
  const same = (document: Record<string, unknown>): unknown => document;
  const config = Buffer.from(
    JSON.stringify(
      (lies.config ?? same)({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: { Env: ['FROM_IMAGE=yes'], WorkingDir: '/etc' },
        rootfs: { type: 'layers', diff_ids: tars.map(sha256) },
      }),
    ),
  );
  const manifest = Buffer.from(
    JSON.stringify(
      (lies.manifest ?? same)({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: descriptor('application/vnd.oci.image.config.v1+json', config),
        layers: layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar+gzip', layer)),
      }),
    ),
  );
  const blobs = new Map([config, ...layers].map((bytes) => [sha256(bytes), bytes] as const));
  return { layers, manifest, manifestDigest: sha256(manifest), blobs };
}

export function descriptor(mediaType: string, bytes: Buffer): Record<string, unknown> {
  return { mediaType, digest: sha256(bytes), size: bytes.byteLength };
}

/** Answers a request in its own way, or returns false to have the registry answer as it should. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

/** A registry on loopback that serves one image under any name, and misbehaves as it is told. */
export class HostileRegistry {
  readonly requests: {
    readonly method: string;
    readonly path: string;
    readonly headers: IncomingMessage['headers'];
  }[] = [];
  readonly #server: Server;
  image: ServedImage;
  misbehave: Misbehaviour = () => false;

  private constructor(image: ServedImage) {
    this.image = image;
    this.#server = createServer((request, response) => {
      void this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(image: ServedImage): Promise<HostileRegistry> {
    const registry = new HostileRegistry(image);
    registry.#server.listen(0, '127.0.0.1');
    await once(registry.#server, 'listening');
    return registry;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How often something was asked for. */
  count(part: string): number {
    return this.requests.filter(({ path }) => path.includes(part)).length;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    this.requests.push({ method: request.method ?? '', path, headers: request.headers });
    response.on('error', () => undefined);
    if (await this.misbehave(request, response)) return;
    this.serve(path, request.headers.range, response);
  }

  /** Answers as a registry should. */
  serve(path: string, range: string | undefined, response: ServerResponse): void {
    if (path === '/v2/') return void response.writeHead(200).end('{}');
    if (path.includes('/manifests/')) {
      const headers = {
        'content-type': 'application/vnd.oci.image.manifest.v1+json',
        'docker-content-digest': this.image.manifestDigest,
      };
      return void response.writeHead(200, headers).end(this.image.manifest);
    }
    const blob = this.image.blobs.get(/\/blobs\/(sha256:[0-9a-f]+)$/.exec(path)?.[1] ?? '');
    if (blob === undefined) return void response.writeHead(404).end('{}');
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    if (start === 0) return void response.writeHead(200, { 'content-length': blob.byteLength }).end(blob);
    const headers = {
      'content-length': blob.byteLength - start,
      'content-range': `bytes ${start}-${blob.byteLength - 1}/${blob.byteLength}`,
    };
    response.writeHead(206, headers).end(blob.subarray(start));
  }
}
