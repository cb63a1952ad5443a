/** A name as people write it: `alpine:3` for `docker.io/library/alpine:3`. */
export function shortName(reference: string): string {
  return reference.replace(/^docker\.io\/(?:library\/)?/, '');
}

/** `sha256:0123456789ab` */
export function shortDigest(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}
