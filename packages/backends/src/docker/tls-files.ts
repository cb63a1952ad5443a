import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';

/** Files of a TLS connection (PEM). */
export interface TlsFiles {
  /** The authority that signed the engine's certificate; no other is believed. */
  readonly ca: string;
  /** Who we are, for an engine that asks. */
  readonly client?: { readonly cert: string; readonly key: string };
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

function incomplete(askedBy: string, problem: string): SovereignError {
  return new SovereignError({
    reason: 'config.invalid',
    message: `${askedBy} asks for TLS to the container engine, and ${problem} (ca.pem expected; cert.pem and key.pem both or neither).`,
    hint: 'Put the files there, or set DOCKER_CERT_PATH to their directory. Without them no connection is made.',
  });
}
