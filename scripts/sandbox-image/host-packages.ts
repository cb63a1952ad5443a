import { execFileSync } from 'node:child_process';

interface InstalledPackage {
  readonly version: string;
  /** Names that it needs, alternatives in a row. */
  readonly needs: readonly (readonly string[])[];
  readonly isEssential: boolean;
}

const query = '${Package}\\t${Version}\\t${Essential}\\t${Pre-Depends}, ${Depends}\\t${Provides}\\n';

/**
 * The packages of this Debian host that those named need, themselves and the essential ones included, with versions.
 *
 * @throws Error for one that is not installed
 */
export function hostPackages(wanted: readonly string[]): ReadonlyMap<string, string> {
  const { installed, providers } = readInstalled();
  const found = new Map<string, string>();
  const essential = [...installed].flatMap(([name, { isEssential }]) => (isEssential ? [name] : []));
  const waiting = [...wanted, ...essential];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    const one = installed.get(name);
    if (one === undefined) throw new Error(`${name} is not installed on this host (apt-get install ${name})`);
    found.set(name, one.version);
    for (const alternatives of one.needs) {
      const chosen = alternatives
        .map((alternative) => (installed.has(alternative) ? alternative : providers.get(alternative)))
        .find((alternative) => alternative !== undefined);
      if (chosen !== undefined) waiting.push(chosen);
    }
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readInstalled(): {
  readonly installed: ReadonlyMap<string, InstalledPackage>;
  readonly providers: ReadonlyMap<string, string>;
} {
  const installed = new Map<string, InstalledPackage>();
  const providers = new Map<string, string>();
  const text = execFileSync('dpkg-query', ['-W', '-f', query], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  for (const line of text.split('\n')) {
    const [name = '', version = '', essential = '', needs = '', provides = ''] = line.split('\t');
    if (name === '' || version === '') continue;
    const needed = needs.split(',').map((group) => group.split('|').map(bareName));
    installed.set(name, { version, isEssential: essential === 'yes', needs: needed });
    for (const provided of provides.split(',').map(bareName))
      if (provided !== '') providers.set(provided, name);
  }
  return { installed, providers };
}

/** `libc6:amd64 (>= 2.36)` is `libc6`. */
function bareName(text: string): string {
  return text.trim().split(/[ (:]/)[0] ?? '';
}
