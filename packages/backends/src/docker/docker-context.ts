import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import { parseBoundedJson } from '@sovereign/core';

/** What a context of `docker context ls` says of its engine. */
export interface DockerContext {
  readonly name: string;
  readonly host: string;
  /** Its TLS files; undefined when it has none. */
  readonly tlsDirectory: string | undefined;
}

const limits = { maxBytes: 1_048_576, maxDepth: 32 } as const;

/**
 * The context that is named, else the current one of Docker's configuration; undefined for none and for `default`.
 *
 * @param directory Docker's configuration, `~/.docker`.
 * @throws SovereignError `config.invalid` for one that is not there, or that turns the verification of its engine off
 */
export function findDockerContext(directory: string, named: string | undefined): DockerContext | undefined {
  const name = named ?? valueAt(readJson(join(directory, 'config.json')), 'currentContext');
  if (typeof name !== 'string' || name === '' || name === 'default') return undefined;
  const hash = createHash('sha256').update(name).digest('hex');
  const meta = readJson(join(directory, 'contexts', 'meta', hash, 'meta.json'));
  const host = valueAt(meta, 'Endpoints', 'docker', 'Host');
  if (typeof host !== 'string') {
    throw unusable(name, 'names no engine (a context of `docker context ls` expected)');
  }
  // SAFETY: an engine that proves nothing could be anyone's, and is given what sandboxes hold. Held by
  // engine-address.test.ts.
  if (valueAt(meta, 'Endpoints', 'docker', 'SkipTLSVerify') === true) {
    throw unusable(name, 'does not verify the certificate of its engine (`skip-tls-verify` is set)');
  }
  const tlsDirectory = join(directory, 'contexts', 'tls', hash, 'docker');
  return { name, host, tlsDirectory: existsSync(tlsDirectory) ? tlsDirectory : undefined };
}

/** A file of Docker's configuration; undefined where there is none that can be read. */
function readJson(path: string): unknown {
  try {
    return parseBoundedJson(readFileSync(path, 'utf8'), limits);
  } catch {
    return undefined;
  }
}

function valueAt(value: unknown, ...names: readonly string[]): unknown {
  let at = value;
  for (const name of names) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return at;
}

function unusable(name: string, problem: string): SovereignError {
  return new SovereignError({
    reason: 'config.invalid',
    message: `The Docker context ${JSON.stringify(name.slice(0, 64))} ${problem}.`,
    hint: 'Choose another: docker context use default',
  });
}
