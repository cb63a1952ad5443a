import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readTlsFiles } from './read-tls-files.ts';
import { findTlsFiles } from './tls-files.ts';

let directory = '';
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'tls-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (...names: readonly string[]): void => {
  for (const name of names) writeFileSync(join(directory, name), 'x');
};
const invalid = (about: string): unknown =>
  expect.objectContaining({
    reason: 'config.invalid',
    message: expect.stringContaining(about) as unknown,
    hint: expect.stringContaining('DOCKER_CERT_PATH') as unknown,
  });

test('without the authority, or with half of our certificate, there is no TLS', () => {
  expect(() => findTlsFiles(directory, 'DOCKER_TLS_VERIFY')).toThrow(invalid('DOCKER_TLS_VERIFY asks'));
  write('cert.pem', 'key.pem');
  expect(() => findTlsFiles(directory, 'x')).toThrow(invalid('ca.pem is not there'));
  rmSync(join(directory, 'key.pem'));
  write('ca.pem');
  expect(() => findTlsFiles(directory, 'x')).toThrow(invalid('key.pem is not there'));
  rmSync(join(directory, 'cert.pem'));
  expect(findTlsFiles(directory, 'x')).toEqual({ ca: join(directory, 'ca.pem') });
});

test('files that are none of what they should be are refused', () => {
  const ca = join(directory, 'ca.pem');
  expect(() => readTlsFiles({ ca })).toThrow(invalid('ENOENT'));
  for (const content of ['', 'no pem', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n']) {
    writeFileSync(ca, content);
    expect(() => readTlsFiles({ ca }), content).toThrow(invalid(ca));
  }
});
