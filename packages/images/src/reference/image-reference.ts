import { invalidImage, quoted } from '../image-errors.ts';
import { isDigest, type Digest } from './digest.ts';

/** A name of an image, in parts (distribution/reference, the grammar that Docker uses). */
export interface ImageReference {
  /** Host and port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** `library/alpine` */
  readonly repository: string;
  /** Undefined only when there is a digest. */
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const maxNameLength = 255;
const domain =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9]))*|\[[0-9a-fA-F:]{2,39}\])(?::[0-9]{1,5})?$/;
const component = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/**
 * Reads a name as Docker does: `alpine` is `docker.io/library/alpine:latest`; the first part is a registry when it has a
 * dot, a colon or a capital, or is `localhost`. A name may have a tag and a digest; then the digest decides.
 *
 * SAFETY: registry and repository become parts of URLs and of file contents: nothing but the grammar gets through, held by
 * image-reference.test.ts.
 *
 * @throws SovereignError `image.invalid`
 */
export function parseReference(text: string): ImageReference {
  const refuse = (why: string): never => {
    throw invalidImage(`name ${quoted(text)}: ${why}`);
  };
  if (text === '' || text.length > maxNameLength + 200) return refuse('empty or too long');
  if (/^[0-9a-f]{64}$/.test(text)) return refuse('it looks like an id (write sha256: before it)');
  const at = text.indexOf('@');
  const digest = at === -1 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest))
    return refuse('its digest is not sha256: and 64 hexadecimal digits');
  const named = at === -1 ? text : text.slice(0, at);
  const slash = named.indexOf('/');
  const first = slash === -1 ? '' : named.slice(0, slash);
  const hasRegistry = /[.:A-Z[]/.test(first) || first === 'localhost';
  const registry = hasRegistry ? first : 'docker.io';
  const rest = hasRegistry ? named.slice(slash + 1) : named;
  const colon = rest.lastIndexOf(':');
  const tag = colon === -1 ? undefined : rest.slice(colon + 1);
  let repository = colon === -1 ? rest : rest.slice(0, colon);
  const isHub = registry === 'docker.io' || registry === 'index.docker.io';
  if (isHub && !repository.includes('/')) repository = `library/${repository}`;
  if (!domain.test(registry) || Number(/:(\d+)$/.exec(registry)?.[1] ?? 0) > 65_535)
    return refuse('its registry is no host name');
  if (!repository.split('/').every((part) => component.test(part)))
    return refuse('parts of a name are lower-case letters and digits, joined by . _ - or /');
  if (tag !== undefined && !tagPattern.test(tag))
    return refuse('its tag is not 1 to 128 letters, digits, . _ or -');
  if (registry.length + repository.length + 1 > maxNameLength)
    return refuse(`longer than ${maxNameLength} characters`);
  return {
    registry: isHub ? 'docker.io' : registry,
    repository,
    tag: tag ?? (digest === undefined ? 'latest' : undefined),
    digest,
  };
}

/** The one spelling of a name: with its registry, and its tag or digest. */
export function formatReference(reference: ImageReference): string {
  const { registry, repository, tag, digest } = reference;
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** @throws SovereignError `image.invalid` */
export function normaliseReference(text: string): string {
  return formatReference(parseReference(text));
}
