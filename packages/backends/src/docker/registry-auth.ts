import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { parseBoundedJson } from '@sovereign/core';
import { findProgram } from '@sovereign/guest';
import type { EngineSearch } from './engine-address.ts';

const limits = { maxBytes: 1_048_576, maxDepth: 16 } as const;
const helperTimeoutMs = 10_000;

const text = v.optional(v.string());
const configSchema = v.object({
  auths: v.optional(
    v.record(v.string(), v.object({ auth: text, username: text, password: text, identitytoken: text })),
  ),
  credsStore: text,
  credHelpers: v.optional(v.record(v.string(), v.string())),
});
const helperSchema = v.object({ Username: v.string(), Secret: v.string() });

/**
 * The header that hands the user's credentials for a registry to the engine, from the files and helpers that `docker
 * login` writes; undefined when there are none. They go to the engine, and into no log.
 */
export async function registryAuth(
  repository: string,
  { env, home }: EngineSearch,
): Promise<string | undefined> {
  const registry = repository.split('/')[0] ?? '';
  const directory = env['DOCKER_CONFIG'] ?? join(home, '.docker');
  const config = readConfig(join(directory, 'config.json'));
  if (config === undefined) return undefined;
  const keys =
    registry === 'docker.io'
      ? ['https://index.docker.io/v1/', 'docker.io']
      : [registry, `https://${registry}`];
  for (const key of keys) {
    const helper = config.credHelpers?.[key] ?? config.credsStore;
    const helped = helper === undefined ? undefined : await askHelper(helper, key);
    if (helped !== undefined) return header({ ...helped, serveraddress: key });
    const found = config.auths?.[key];
    if (found === undefined) continue;
    if (found.identitytoken !== undefined && found.identitytoken !== '')
      return header({ identitytoken: found.identitytoken, serveraddress: key });
    const [username, password] = userOf(found);
    if (username !== '') return header({ username, password, serveraddress: key });
  }
  return undefined;
}

function userOf(found: {
  readonly auth?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}): readonly [string, string] {
  const pair = Buffer.from(found.auth ?? '', 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon > 0) return [pair.slice(0, colon), pair.slice(colon + 1).replaceAll('\0', '')];
  return [found.username ?? '', found.password ?? ''];
}

/** SAFETY: the name comes from the user's own configuration, and may be no path. */
async function askHelper(
  name: string,
  registry: string,
): Promise<{ readonly username: string; readonly password: string } | undefined> {
  if (!/^[a-zA-Z0-9._-]{1,64}$/.test(name)) return undefined;
  const program = findProgram(`docker-credential-${name}`);
  if (program === undefined) return undefined;
  try {
    const asked = promisify(execFile)(program, ['get'], { timeout: helperTimeoutMs, maxBuffer: 65_536 });
    asked.child.stdin?.end(registry);
    const { Username, Secret } = v.parse(helperSchema, parseBoundedJson((await asked).stdout, limits));
    return { username: Username, password: Secret };
  } catch {
    // It holds none for this registry.
    return undefined;
  }
}

function header(auth: Readonly<Record<string, string>>): string {
  return Buffer.from(JSON.stringify(auth)).toString('base64url');
}

function readConfig(path: string): v.InferOutput<typeof configSchema> | undefined {
  try {
    return v.parse(configSchema, parseBoundedJson(readFileSync(path, 'utf8'), limits));
  } catch {
    return undefined;
  }
}
