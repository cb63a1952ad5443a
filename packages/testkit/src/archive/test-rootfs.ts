import { existsSync, readFileSync } from 'node:fs';
import { tarDirectory, tarFile, tarLink, writeTar, type TarEntry } from './tar.ts';

/** Where the static busybox of Debian is. */
export const busyboxPath = '/bin/busybox';

const applets = [
  'cat', 'chmod', 'cp', 'cut', 'date', 'dd', 'echo', 'env', 'false', 'grep', 'head', 'id', 'ip', 'kill', 'ln', 'ls', 'mkdir', 'mv', 'nc',
  'printf', 'pwd', 'readlink', 'rm', 'sh', 'sleep', 'stat', 'stty', 'tail', 'tee', 'test', 'touch', 'true', 'wc', 'wget',
]; // prettier-ignore

/** A root file system of one static program, as an image for tests; without it (the fake), of a few files. */
export function testRootfs(options: { readonly hasBusybox: boolean }): Buffer {
  const entries: TarEntry[] = [
    ...['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'usr', 'var'].map((path) => tarDirectory(path)),
    tarFile('etc/motd', 'made for tests\n'),
    tarFile('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n'),
    tarFile('etc/group', 'root:x:0:\nstaff:x:50:app\napps:x:1001:\n'),
  ];
  if (options.hasBusybox) {
    entries.push(tarFile('bin/busybox', readFileSync(busyboxPath), 0o755));
    for (const applet of applets) entries.push(tarLink(`bin/${applet}`, 'busybox'));
  }
  return writeTar(entries);
}

/** Why the root file system with busybox cannot be made here; undefined when it can. */
export function busyboxAbsence(): string | undefined {
  return existsSync(busyboxPath) ? undefined : `${busyboxPath} is not installed (package busybox-static)`;
}
