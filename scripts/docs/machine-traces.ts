import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** Directories that mean the same on every machine; their names may stand in code and documentation. */
const ordinaryParents = new Set(['/', '/home', '/root', '/tmp', '/usr/src', '/opt', '/srv', '/var/tmp']);
const publicRegistry = 'registry.npmjs.org';

/** Names of people that examples use. */
const examplePeople = 'user|you|me|name|agent|sandbox|alice|bob|someone|node|\\$|<|\\*|\\.';

/** What tells where a file was written: paths of this machine, the address of its package registry. */
export interface Traces {
  readonly texts: readonly string[];
  readonly patterns: readonly RegExp[];
}

/** The traces that this machine would leave: the repository and what lies beside it, and npm's configured host. */
export function tracesOfThisMachine(root: string): Traces {
  const parent = dirname(root);
  const neighbours = ordinaryParents.has(parent)
    ? []
    : readdirSync(parent).map((name) => `${parent}/${name}`);
  const registry = registryHost();
  return {
    texts: [...neighbours, ...(registry === undefined ? [] : [registry])],
    patterns: [new RegExp(`/(?:home|Users)/(?!(?:${examplePeople}))[a-z][a-z0-9_-]+/`)],
  };
}

/** The host that npm installs from, unless it is the public one. */
function registryHost(): string | undefined {
  try {
    const args = ['config', 'get', 'registry'];
    const { host } = new URL(
      execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim(),
    );
    return host === publicRegistry ? undefined : host;
  } catch {
    return undefined;
  }
}

/** The lines of a file that bear a trace. A lock file must not say where packages were downloaded from at all. */
export function traceProblems(path: string, text: string, traces: Traces): readonly string[] {
  return text.split('\n').flatMap((line, index) => {
    const isTraced =
      traces.texts.some((trace) => line.includes(trace)) ||
      traces.patterns.some((pattern) => pattern.test(line));
    if (isTraced) return [`${path}:${String(index + 1)}: names a path or a host of one machine`];
    const isAddress = path.endsWith('package-lock.json') && /"resolved": "https?:/.test(line);
    return isAddress
      ? [`${path}:${String(index + 1)}: names a registry (npm config: omit-lockfile-registry-resolved)`]
      : [];
  });
}
