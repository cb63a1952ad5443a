import { execFile } from 'node:child_process';
import { parseBoundedJson } from '@sovereign/core';
import * as v from 'valibot';
import type { Credentials } from './credentials.ts';

const timeoutMs = 30_000;
const limits = { maxBytes: 256 * 1024, maxDepth: 4 } as const;
const schema = v.object({ Username: v.string(), Secret: v.pipe(v.string(), v.minLength(1)) });

/**
 * Asks `docker-credential-NAME get` (docker-credential-helpers): the registry on stdin, an object on stdout; the user
 * `<token>` means that the secret is an identity token. Undefined when it knows nothing, or is not there.
 */
export async function askHelper(
  name: string,
  registry: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Credentials | undefined> {
  // SAFETY: the name becomes part of a program's name, which is searched in PATH: no slash, so that it stays there.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return undefined;
  const said = await new Promise<string | undefined>((resolve) => {
    const child = execFile(
      `docker-credential-${name}`,
      ['get'],
      { timeout: timeoutMs, maxBuffer: limits.maxBytes, env: { ...env } },
      (error, stdout) => resolve(error === null ? stdout : undefined),
    );
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(registry);
  });
  if (said === undefined) return undefined;
  try {
    const { Username, Secret } = v.parse(schema, parseBoundedJson(said, limits));
    return Username === '<token>'
      ? { kind: 'identity', token: Secret }
      : { kind: 'password', user: Username, password: Secret };
  } catch {
    return undefined;
  }
}
