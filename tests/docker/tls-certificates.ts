import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** A certificate, its key and the authority that signed it, as Docker names them, in one directory. */
export interface Certificates {
  readonly directory: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** An authority of its own that signs what it is asked for, by openssl. */
export class TestAuthority {
  readonly #directory: string;

  /** @param directory Made anew. */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { mode: 0o700 });
    openssl(directory, [
      ...['req', '-x509', '-nodes', '-days', '2', '-subj', `/CN=authority ${basename(directory)}`],
      ...newKey('ca-key.pem'),
      ...['-out', 'ca.pem'],
    ]);
  }

  /** @param names As in subjectAltName: `DNS:localhost,IP:127.0.0.1`. Undefined: a client. */
  sign(name: string, names?: string): Certificates {
    const directory = join(this.#directory, name);
    mkdirSync(directory, { mode: 0o700 });
    const request = join(directory, 'request.pem');
    openssl(directory, [...['req', '-nodes', '-subj', `/CN=${name}`, ...newKey('key.pem'), '-out', request]]);
    const use =
      names === undefined
        ? 'extendedKeyUsage=clientAuth'
        : `extendedKeyUsage=serverAuth\nsubjectAltName=${names}`;
    writeFileSync(join(directory, 'extensions'), `${use}\n`);
    openssl(this.#directory, [
      ...['x509', '-req', '-in', request, '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial'],
      ...['-days', '2', '-extfile', join(directory, 'extensions'), '-out', join(directory, 'cert.pem')],
    ]);
    openssl(directory, ['x509', '-in', join(this.#directory, 'ca.pem'), '-out', 'ca.pem']);
    const [ca, cert, key] = [
      join(directory, 'ca.pem'),
      join(directory, 'cert.pem'),
      join(directory, 'key.pem'),
    ];
    return { directory, ca, cert, key };
  }
}

const newKey = (path: string): readonly string[] => [
  ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-keyout', path],
];

function openssl(directory: string, args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
}
