import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseBoundedJson } from '@sovereign/core';
import * as v from 'valibot';
import { askHelper } from './credential-helper.ts';

/** What a registry is told to know us. */
export type Credentials =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  /** A refresh token, for which the token service gives access tokens. */
  | { readonly kind: 'identity'; readonly token: string };

export interface CredentialPlaces {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

const limits = { maxBytes: 1024 * 1024, maxDepth: 8 } as const;
const text = v.pipe(v.string(), v.maxLength(64 * 1024));
const schema = v.object({
  auths: v.nullish(
    v.record(
      text,
      v.object({
        auth: v.nullish(text),
        username: v.nullish(text),
        password: v.nullish(text),
        identitytoken: v.nullish(text),
      }),
    ),
  ),
  credHelpers: v.nullish(v.record(text, text)),
  credsStore: v.nullish(text),
});
type AuthFile = v.InferOutput<typeof schema>;

/**
 * Looks for credentials where `podman login` and `docker login` put them: `$REGISTRY_AUTH_FILE` alone when it is set, else
 * `$XDG_RUNTIME_DIR/containers/auth.json`, then `$DOCKER_CONFIG/config.json` (default `~/.docker/config.json`). In each
 * file: its helper for that registry, its entry for the repository or the registry (the longest that fits), its store.
 *
 * Nothing is logged, and nothing of it enters an error. A file that cannot be read is as good as none.
 */
export async function findCredentials(
  registry: string,
  repository: string,
  places: CredentialPlaces,
): Promise<Credentials | undefined> {
  for (const path of authFiles(places)) {
    const file = readAuthFile(path);
    const found = file === undefined ? undefined : await fromFile(file, registry, repository, places);
    if (found !== undefined) return found;
  }
  return undefined;
}

function authFiles({ env, home }: CredentialPlaces): readonly string[] {
  const only = env['REGISTRY_AUTH_FILE'];
  if (only !== undefined && only !== '') return [only];
  const runtime = env['XDG_RUNTIME_DIR'];
  const docker = env['DOCKER_CONFIG'];
  return [
    ...(runtime === undefined || runtime === '' ? [] : [join(runtime, 'containers', 'auth.json')]),
    join(docker === undefined || docker === '' ? join(home, '.docker') : docker, 'config.json'),
  ];
}

function readAuthFile(path: string): AuthFile | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    if (!fstatSync(fd).isFile() || fstatSync(fd).size > limits.maxBytes) return undefined;
    return v.parse(schema, parseBoundedJson(readFileSync(fd, 'utf8'), limits));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

async function fromFile(
  file: AuthFile,
  registry: string,
  repository: string,
  places: CredentialPlaces,
): Promise<Credentials | undefined> {
  const names = namesOf(registry);
  const helpers = new Map(Object.entries(file.credHelpers ?? {}));
  for (const name of names) {
    const helper = helpers.get(name);
    const found = helper === undefined ? undefined : await askHelper(helper, name, places.env);
    if (found !== undefined) return found;
  }
  const entries = new Map(Object.entries(file.auths ?? {}).map(([key, entry]) => [plainKey(key), entry]));
  for (const key of [...repositoryKeys(registry, repository), ...names.map(plainKey)]) {
    const entry = entries.get(key);
    const found = entry === undefined ? undefined : fromEntry(entry);
    if (found !== undefined) return found;
  }
  const store = file.credsStore ?? '';
  for (const name of store === '' ? [] : names) {
    const found = await askHelper(store, name, places.env);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What a registry may be called in these files; Docker keeps the name of its first one. */
function namesOf(registry: string): readonly string[] {
  return registry === 'docker.io'
    ? ['docker.io', 'https://index.docker.io/v1/', 'index.docker.io', 'registry-1.docker.io']
    : [registry];
}

/** `registry.example/team/app`, `registry.example/team`: the longest first. */
function repositoryKeys(registry: string, repository: string): readonly string[] {
  const parts = repository.split('/');
  return parts.map((_, index) => `${registry}/${parts.slice(0, parts.length - index).join('/')}`);
}

/** Keys come with and without a scheme, and with the path of an API version. */
function plainKey(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, '');
}

function fromEntry(entry: NonNullable<AuthFile['auths']>[string]): Credentials | undefined {
  const token = entry.identitytoken ?? '';
  if (token !== '') return { kind: 'identity', token };
  const pair = Buffer.from(entry.auth ?? '', 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon > 0)
    return {
      kind: 'password',
      user: pair.slice(0, colon),
      password: pair.slice(colon + 1).replace(/\0+$/, ''),
    };
  const [user, password] = [entry.username ?? '', entry.password ?? ''];
  return user === '' ? undefined : { kind: 'password', user, password };
}
