import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { tierTest, verifies, within } from '@sovereign/testkit';
import { expect } from 'vitest';
import { rawTar } from '../../packages/images/src/tar/tar-for-test.ts';
import { probeTiers } from '../support/tiers.ts';
import {
  descriptor,
  HostileRegistry,
  makeImage,
  sha256,
  type ImageLies,
  type Misbehaviour,
} from './hostile-registry.ts';
import { ImageScene, type LibrarySettings } from './image-scene.ts';

const quick = { timeouts: { responseMs: 400, idleMs: 400 }, retry: { tries: 3, pauseMs: 1 } } as const;
/** Where nothing hangs: a loaded host is not to be taken for one that does. */
const patient = { retry: { tries: 3, pauseMs: 1 } } as const;
const big = randomBytes(300_000).toString('latin1');
const tars = ['one', 'two', 'three'].map((name) =>
  rawTar([
    { name: 'etc/', type: '5' },
    { name: `etc/${name}`, content: name + big },
  ]),
);
const reason = (name: string): unknown => expect.objectContaining({ reason: name });

interface Stage {
  readonly scene: ImageScene;
  readonly registry: HostileRegistry;
  readonly name: string;
}

async function stage(lies: ImageLies, act: (stage: Stage) => Promise<void>): Promise<void> {
  const registry = await HostileRegistry.start(makeImage(tars, lies));
  try {
    await ImageScene.play((scene) => act({ scene, registry, name: `${registry.host}/team/app:1` }));
  } finally {
    await registry.close();
  }
}

/** A pull that is refused leaves nothing that is listed, nothing stored under a wrong digest, and no layer. */
async function refused(
  expected: string,
  misbehave: Misbehaviour,
  lies: ImageLies = {},
  settings: LibrarySettings = {},
): Promise<string> {
  let message = '';
  await stage(lies, async ({ scene, registry, name }) => {
    registry.misbehave = misbehave;
    const library = scene.library({ ...quick, ...settings });
    const error: unknown = await within('the refusal', library.pull(name), 20_000).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toEqual(reason(expected));
    message = error instanceof Error ? error.message : '';
    expect(await library.list()).toEqual([]);
    for (const hex of await readdir(scene.path('blobs', 'sha256'))) {
      const { readFile } = await import('node:fs/promises');
      expect(sha256(await readFile(scene.path('blobs', 'sha256', hex)))).toBe(`sha256:${hex}`);
    }
    expect((await readdir(scene.path('layers'))).filter((entry) => entry.includes('.of-'))).toEqual([]);
    // The twin: the same name from a registry that behaves.
    if (Object.keys(lies).length > 0) return;
    registry.misbehave = () => false;
    expect(await scene.library({ ...quick, ...settings }).pull(name)).toMatchObject({ references: [name] });
  });
  return message;
}

const isBlob = (path: string | undefined): boolean => path?.includes('/blobs/') === true;
const isLayer = (registryImage: ReturnType<typeof makeImage>, path: string | undefined, at = 0): boolean =>
  path?.endsWith(sha256(registryImage.layers[at] ?? Buffer.alloc(0))) === true;
const model = makeImage(tars);

for (const { absence } of await probeTiers(['quilt'])) tierTest('quilt', absence, registries);

function registries(): void {
  verifies('R-PRIM-5', 'an image is pulled, listed, run and removed', async () => {
    await stage({}, async ({ scene, registry, name }) => {
      const library = scene.library(patient);
      const seen: string[] = [];
      const record = await library.pull(name, { onProgress: ({ kind }) => seen.push(kind) });
      expect(record).toMatchObject({
        references: [name],
        config: { env: { FROM_IMAGE: 'yes' } },
        digest: registry.image.manifestDigest,
      });
      expect([seen[0], seen.at(-1)]).toEqual(['resolving', 'done']);
      expect(new Set(seen)).toEqual(new Set(['resolving', 'downloading', 'unpacking', 'done']));
      const held = await library.hold('test', name);
      expect(held.layers).toHaveLength(3);
      library.release('test');
      const before = registry.count('/blobs/');
      await library.pull(name);
      expect(registry.count('/blobs/')).toBe(before);
      await library.remove(name);
      expect(await readdir(scene.path('blobs', 'sha256'))).toEqual([]);
      expect(await readdir(scene.path('layers'))).toEqual(['empty']);
    });
  });

  const endless: Misbehaviour = async (_request, response) => {
    response.writeHead(200);
    while (!response.destroyed) {
      if (!response.write(Buffer.alloc(64 * 1024, 0x20)))
        await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
    return true;
  };
  const answer =
    (status: number, headers: Record<string, string | number> = {}, body: string | Buffer = '') =>
    (when: (path: string | undefined) => boolean): Misbehaviour =>
    (request, response) => {
      if (!when(request.url)) return false;
      response.writeHead(status, headers).end(body);
      return true;
    };
  const other = makeImage([rawTar([{ name: 'evil', content: 'x' }])]);

  const wrong: readonly (readonly [string, string, Misbehaviour, ImageLies?])[] = [
    ['a layer with another digest', 'image.corrupt', answer(200, {}, Buffer.alloc(model.layers[1]?.byteLength ?? 0, 7))((path) => isLayer(model, path, 1))],
    ['a layer that is too short', 'image.corrupt', answer(200, {}, 'short')((path) => isLayer(model, path))],
    ['a layer without an end', 'image.corrupt', (request, response) => isLayer(model, request.url) && endless(request, response)],
    ['a configuration of another image', 'image.corrupt', answer(200, {}, 'x'.repeat(300))((path) => isBlob(path))],
    ['a manifest with another digest than it says', 'image.corrupt', answer(200, { 'docker-content-digest': model.manifestDigest, 'content-type': 'application/vnd.oci.image.manifest.v1+json' }, other.manifest)((path) => path?.includes('/manifests/') === true)],
    ['a manifest without an end', 'image.pull-failed', (request, response) => request.url?.includes('/manifests/') === true && endless(request, response)],
    ['a manifest that is no JSON', 'image.corrupt', answer(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }, '{')((path) => path?.includes('/manifests/') === true)],
    ['a manifest nested a thousand deep', 'image.corrupt', answer(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }, '['.repeat(1_000))((path) => path?.includes('/manifests/') === true)],
    ['a registry that hangs', 'image.pull-failed', (request) => request.url?.includes('/manifests/') === true],
    ['a layer that stops in the middle and hangs, each time', 'image.pull-failed', (request, response) => {
      if (!isLayer(model, request.url)) return false;
      response.writeHead(200, { 'content-length': model.layers[0]?.byteLength ?? 0 }).write('x');
      return true;
    }],
    ['500 for a layer, each time', 'image.pull-failed', answer(500)((path) => isLayer(model, path, 2))],
    ['429, each time', 'image.pull-failed', answer(429, { 'retry-after': '0' })((path) => path?.includes('/manifests/') === true)],
    ['a redirect in a circle', 'image.pull-failed', (request, response) => {
      if (!isLayer(model, request.url)) return false;
      response.writeHead(307, { location: request.url ?? '' }).end();
      return true;
    }],
    ['a redirect to a file', 'image.pull-failed', answer(307, { location: 'file:///etc/passwd' })((path) => isBlob(path))],
    ['401 without a way in', 'image.denied', answer(401, { 'www-authenticate': 'Basic realm="x"' })((path) => path?.includes('/manifests/') === true)],
    ['403', 'image.denied', answer(403)((path) => path?.includes('/manifests/') === true)],
    ['404', 'image.not-found', answer(404)((path) => path?.includes('/manifests/') === true)],
    ['a token service elsewhere over plain HTTP', 'image.pull-failed', answer(401, { 'www-authenticate': 'Bearer realm="http://192.0.2.1/token"' })((path) => path?.includes('/manifests/') === true)],
    ['an index that points to itself', 'image.corrupt', (request, response) => {
      if (request.url?.includes('/manifests/') !== true) return false;
      const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [{ ...descriptor('application/vnd.oci.image.index.v1+json', Buffer.from('x')), platform: { os: 'linux', architecture: 'other' } }] }));
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' }).end(index);
      return true;
    }],
  ]; // prettier-ignore

  for (const [what, expected, misbehave] of wrong) {
    verifies('R-PRIM-5', `refused: ${what}`, async () => {
      await refused(expected, misbehave);
    });
  }

  const lies: readonly (readonly [string, ImageLies])[] = [
    ['diff ids of other layers', { config: (config) => ({ ...config, rootfs: { type: 'layers', diff_ids: tars.map(() => sha256(Buffer.from('x'))) } }) }],
    ['fewer diff ids than layers', { config: (config) => ({ ...config, rootfs: { type: 'layers', diff_ids: [] } }) }],
    ['a digest that is a path', { manifest: (manifest) => ({ ...manifest, config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: 'sha256:../../etc/passwd', size: 1 } }) }],
    ['a layer of a petabyte', { manifest: (manifest) => ({ ...manifest, layers: [{ ...descriptor('application/vnd.oci.image.layer.v1.tar+gzip', Buffer.from('x')), size: 2 ** 50 }] }) }],
    ['a negative size', { manifest: (manifest) => ({ ...manifest, layers: [{ ...descriptor('application/vnd.oci.image.layer.v1.tar+gzip', Buffer.from('x')), size: -1 }] }) }],
    ['a thousand layers', { manifest: (manifest) => ({ ...manifest, layers: Array.from({ length: 1_000 }, () => descriptor('application/vnd.oci.image.layer.v1.tar+gzip', Buffer.from('x'))) }) }],
    ['a layer that is no layer', { manifest: (manifest) => ({ ...manifest, layers: [descriptor('text/html', Buffer.from('x'))] }) }],
    ['no configuration of a container', { manifest: (manifest) => ({ ...manifest, config: descriptor('application/vnd.unknown+json', Buffer.from('{}')) }) }],
  ]; // prettier-ignore
  for (const [what, lie] of lies) {
    verifies('R-PRIM-5', `refused: ${what}`, async () => {
      await refused('image.corrupt', () => false, lie);
    });
  }

  verifies('R-PRIM-5', 'a bomb ends at the limit of the configuration', async () => {
    const bomb = rawTar([{ name: 'bomb', content: Buffer.alloc(64 * 1024 * 1024) }]);
    const registry = await HostileRegistry.start(makeImage([bomb]));
    try {
      await ImageScene.play(async (scene) => {
        const name = `${registry.host}/bomb`;
        const limits = { maxLayerBytes: 16 * 1024 * 1024 };
        await expect(scene.library({ limits }).pull(name)).rejects.toThrow(reason('image.too-large'));
        expect(await readdir(scene.path('layers'))).toEqual(['empty']);
        await scene.library().pull(name);
      });
    } finally {
      await registry.close();
    }
  });

  verifies(
    'R-PRIM-5',
    'a download that breaks off goes on where it was, and what is there is not fetched again',
    async () => {
      await stage({}, async ({ scene, registry, name }) => {
        const layer = registry.image.layers[0] ?? Buffer.alloc(0);
        let breaks = 0;
        registry.misbehave = (request, response) => {
          if (!isLayer(model, request.url) || breaks >= 2) return false;
          const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
          const piece = layer.subarray(start, start + 100_000);
          const headers = {
            'content-length': layer.byteLength - start,
            ...(start > 0 && {
              'content-range': `bytes ${start}-${layer.byteLength - 1}/${layer.byteLength}`,
            }),
          };
          response
            .writeHead(start > 0 ? 206 : 200, headers)
            .write(piece, () => setImmediate(() => response.destroy()));
          breaks++;
          return true;
        };
        await scene.library(patient).pull(name);
        const ranges = registry.requests
          .filter(({ path }) => isLayer(model, path))
          .map(({ headers }) => headers.range ?? 'whole');
        expect(ranges[0]).toBe('whole');
        expect(ranges).toHaveLength(3);
        for (const range of ranges.slice(1))
          expect(Number(/^bytes=(\d+)-$/.exec(range)?.[1])).toBeGreaterThan(0);
        for (const at of [1, 2])
          expect(registry.requests.filter(({ path }) => isLayer(model, path, at))).toHaveLength(1);
      });
    },
  );

  verifies(
    'R-PRIM-5',
    'a registry that answers a range with everything, or with another range, is still read right',
    async () => {
      for (const status of [200, 206]) {
        await stage({}, async ({ scene, registry, name }) => {
          const layer = registry.image.layers[0] ?? Buffer.alloc(0);
          let breaks = 0;
          registry.misbehave = (request, response) => {
            if (!isLayer(model, request.url) || breaks >= 2) return false;
            if (breaks++ === 0) {
              response
                .writeHead(200, { 'content-length': layer.byteLength })
                .write(layer.subarray(0, 50_000), () => setImmediate(() => response.destroy()));
              return true;
            }
            response
              .writeHead(status, {
                'content-length': layer.byteLength,
                ...(status === 206 && {
                  'content-range': `bytes 0-${layer.byteLength - 1}/${layer.byteLength}`,
                }),
              })
              .end(layer);
            return true;
          };
          expect(await scene.library(patient).pull(name)).toMatchObject({ references: [name] });
        });
      }
    },
  );

  verifies(
    'R-PRIM-5',
    'two pulls at once, in two libraries on one directory, fetch every layer once',
    async () => {
      await stage({}, async ({ scene, registry, name }) => {
        registry.misbehave = async (request) => {
          if (isBlob(request.url)) await new Promise((resolve) => setTimeout(resolve, 30));
          return false;
        };
        const [one, two] = await Promise.all([
          scene.library().pull(name),
          scene.library().pull(`${registry.host}/team/other:2`),
        ]);
        expect(one.digest).toBe(two.digest);
        for (const digest of registry.image.blobs.keys()) expect(registry.count(digest)).toBe(1);
        expect(await scene.library().leftovers(() => true)).toEqual([]);
      });
    },
  );

  verifies(
    'R-PRIM-5',
    'a token is fetched with the credentials of that registry, and sent to no other host',
    async () => {
      await stage({}, async ({ scene, registry, name }) => {
        const elsewhere = await HostileRegistry.start(registry.image);
        try {
          await mkdir(join(scene.root, 'home', '.docker'), { recursive: true });
          const auth = Buffer.from('user:secret').toString('base64');
          await writeFile(
            join(scene.root, 'home', '.docker', 'config.json'),
            JSON.stringify({ auths: { [registry.host]: { auth } } }),
          );
          registry.misbehave = (request, response) => {
            if (request.url?.startsWith('/token') === true) {
              response.end(
                JSON.stringify({ token: request.headers.authorization === `Basic ${auth}` ? 'good' : 'bad' }),
              );
              return true;
            }
            if (request.url === '/v2/') return false;
            if (request.headers.authorization !== 'Bearer good') {
              response
                .writeHead(401, {
                  'www-authenticate': `Bearer realm="http://${registry.host}/token",service="test",scope="repository:team/app:pull"`,
                })
                .end();
              return true;
            }
            if (!isBlob(request.url)) return false;
            response.writeHead(307, { location: `http://${elsewhere.host}${request.url ?? ''}` }).end();
            return true;
          };
          await scene.library(patient).pull(name);
          expect(registry.count('/token')).toBe(1);
          expect(registry.requests.find(({ path }) => path.startsWith('/token'))?.path).toContain(
            'scope=repository%3Ateam%2Fapp%3Apull',
          );
          expect(elsewhere.requests.length).toBeGreaterThan(0);
          expect(elsewhere.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
          await expect(
            scene.library({ ...patient, home: join(scene.root, 'nobody') }).pull(`${registry.host}/team/new`),
          ).rejects.toThrow(reason('image.denied'));
        } finally {
          await elsewhere.close();
        }
      });
    },
  );

  verifies('R-PRIM-5', 'a mirror is asked first; where it fails the registry itself is', async () => {
    await stage({}, async ({ scene, registry }) => {
      const mirror = await HostileRegistry.start(registry.image);
      try {
        const registries = { [registry.host]: { mirrors: [`http://${mirror.host}`] } };
        await scene.library({ ...patient, registries }).pull(`${registry.host}/team/app:1`);
        expect(registry.requests).toEqual([]);
        mirror.misbehave = (_request, response) => {
          response.writeHead(404).end();
          return true;
        };
        await scene.library({ ...patient, registries }).pull(`${registry.host}/team/other:1`);
        expect(registry.requests.length).toBeGreaterThan(0);
      } finally {
        await mirror.close();
      }
    });
  });

  verifies('R-PRIM-5', 'a caller that loses patience gets its way, and the next one goes on', async () => {
    await stage({}, async ({ scene, registry, name }) => {
      const stop = new AbortController();
      registry.misbehave = (request) => {
        if (!isLayer(model, request.url)) return false;
        stop.abort();
        return true;
      };
      const library = scene.library();
      await expect(within('the end', library.pull(name, { signal: stop.signal }), 5_000)).rejects.toThrow(
        reason('operation.cancelled'),
      );
      registry.misbehave = () => false;
      expect(await library.pull(name)).toMatchObject({ references: [name] });
    });
  });
}
