import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { SovereignError } from '@sovereign/protocol';
import type { TlsFiles } from './tls-files.ts';

/** The files of a TLS connection, read. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
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

function unusable(problem: string): SovereignError {
  return new SovereignError({
    reason: 'config.invalid',
    message: `The TLS files of the container engine cannot be used: ${problem} (certificates and an unencrypted key as PEM expected).`,
    hint: 'Correct the file, or set DOCKER_CERT_PATH to another directory.',
  });
}
