import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { SovereignError } from '@sovereign/protocol';

/** Files of a TLS connection (PEM). */
export interface TlsFiles {
  /** The authority that signed the engine's certificate; no other is believed. */
  readonly ca: string;
  /** Who we are, for an engine that asks. */
  readonly client?: { readonly cert: string; readonly key: string };
}

/** The same, read. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/**
 * The files of a connection that has to be TLS, by the names that Docker gives them: `ca.pem`, `cert.pem`, `key.pem`.
 *
 * SAFETY: whoever asked for TLS never gets a connection without it: what is missing is an error. Held by
 * tls-files.test.ts and tests/docker/tls.test.ts.
 *
 * @param askedBy Who asks for TLS, for the message: `DOCKER_TLS_VERIFY`, `context far`.
 * @throws SovereignError `config.invalid` without `ca.pem`, or with one of the other two alone
 */
export function findTlsFiles(directory: string, askedBy: string): TlsFiles {
  const ca = join(directory, 'ca.pem');
  if (!existsSync(ca)) throw incomplete(askedBy, `${ca} is not there`);
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const [hasCert, hasKey] = [existsSync(cert), existsSync(key)];
  if (hasCert !== hasKey)
    throw incomplete(askedBy, `${hasCert ? key : cert} is not there, and ${hasCert ? cert : key} is`);
  return { ca, ...(hasCert && { client: { cert, key } }) };
}

/** @throws SovereignError `config.invalid` for a file that cannot be read, or holds no certificate or key */
export function readTlsFiles({ ca, client }: TlsFiles): TlsMaterial {
  const material: TlsMaterial = {
    ca: readPem(ca),
    ...(client && { cert: readPem(client.cert), key: readPem(client.key) }),
  };
  try {
    // A context takes an authority that is no certificate in silence, and believes nobody then.
    new X509Certificate(material.ca);
    createSecureContext(material);
  } catch (error) {
    const files = [ca, ...(client === undefined ? [] : [client.cert, client.key])].join(', ');
    throw unusable(`${files}: ${error instanceof Error ? error.message.slice(0, 200) : 'unknown error'}`);
  }
  return material;
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw unusable(`${path}: ${code}`);
  }
}

function incomplete(askedBy: string, problem: string): SovereignError {
  return new SovereignError({
    reason: 'config.invalid',
    message: `${askedBy} asks for TLS to the container engine, and ${problem} (ca.pem expected; cert.pem and key.pem both or neither).`,
    hint: 'Put the files there, or set DOCKER_CERT_PATH to their directory. Without them no connection is made.',
  });
}

function unusable(problem: string): SovereignError {
  return new SovereignError({
    reason: 'config.invalid',
    message: `The TLS files of the container engine cannot be used: ${problem} (certificates and an unencrypted key as PEM expected).`,
    hint: 'Correct the file, or set DOCKER_CERT_PATH to another directory.',
  });
}
