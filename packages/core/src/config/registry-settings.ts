/** What a user says of one registry of images, by its host and port (`docker.io`, `registry.example:5000`). */
export interface RegistrySettings {
  /** Base URLs that are asked first, in this order: `https://mirror.example`. Default: none. */
  readonly mirrors?: readonly string[];
  /** Certificates are not verified, and plain HTTP is taken where there is no TLS. Default false, true for loopback. */
  readonly isInsecure?: boolean;
}

const maxRegistries = 256;
const maxMirrors = 16;

/** Reads `registries` of the user's configuration. `refuse` makes the error. */
export function parseRegistries(
  value: unknown,
  refuse: (what: string) => Error,
): Readonly<Record<string, RegistrySettings>> {
  const entries = Object.entries(object(value, 'registries', refuse));
  if (entries.length > maxRegistries) throw refuse(`registries has more than ${maxRegistries} entries`);
  return Object.fromEntries(
    entries.map(([host, settings]) => [registryHost(host, refuse), one(host, settings, refuse)]),
  );
}

function registryHost(host: string, refuse: (what: string) => Error): string {
  const isHost = /^(?:[a-zA-Z0-9.-]{1,253}|\[[0-9a-fA-F:]{2,39}\])(?::\d{1,5})?$/.test(host);
  if (isHost && URL.canParse(`https://${host}`)) return host;
  throw refuse(
    `registries names ${JSON.stringify(host.slice(0, 64))} (expected a host, with a port where it has one)`,
  );
}

function one(host: string, value: unknown, refuse: (what: string) => Error): RegistrySettings {
  const name = `registries[${JSON.stringify(host.slice(0, 64))}]`;
  const { mirrors, isInsecure, ...others } = object(value, name, refuse);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw refuse(
      `unknown key ${JSON.stringify(unknown.slice(0, 64))} in ${name} (known: mirrors, isInsecure)`,
    );
  if (isInsecure !== undefined && typeof isInsecure !== 'boolean')
    throw refuse(`${name}.isInsecure is not true or false`);
  if (mirrors !== undefined && (!Array.isArray(mirrors) || mirrors.length > maxMirrors))
    throw refuse(`${name}.mirrors is not a list of at most ${maxMirrors}`);
  const urls = mirrors?.map((url: unknown) => mirror(url, name, refuse));
  return { ...(urls && { mirrors: urls }), ...(isInsecure !== undefined && { isInsecure }) };
}

/** A base URL: no credentials, which belong elsewhere, and nothing after the path. */
function mirror(url: unknown, name: string, refuse: (what: string) => Error): string {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  const isBase = parsed?.username === '' && parsed.search === '' && parsed.hash === '';
  if (typeof url === 'string' && isBase && ['http:', 'https:'].includes(parsed.protocol)) return url;
  throw refuse(
    `${name}.mirrors holds ${JSON.stringify(url).slice(0, 64)} (expected https://host or https://host/path)`,
  );
}

function object(
  value: unknown,
  name: string,
  refuse: (what: string) => Error,
): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw refuse(`${name} is not an object`);
}
