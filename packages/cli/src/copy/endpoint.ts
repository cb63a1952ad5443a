/** One side of a copy. */
export type Endpoint =
  | { readonly kind: 'stream' }
  | { readonly kind: 'host'; readonly path: string }
  | { readonly kind: 'sandbox'; readonly sandbox: string; readonly path: string };

/** `-`, `ID:PATH`, or a path of the host; one that has a colon in its first part is written `./a:b`. */
export function parseEndpoint(text: string): Endpoint {
  if (text === '-') return { kind: 'stream' };
  const match = /^([a-z0-9][a-z0-9._-]*):(.*)$/s.exec(text);
  if (match === null) return { kind: 'host', path: text };
  const [, sandbox = '', path = ''] = match;
  // A path inside is meant from the workspace, as everywhere.
  return { kind: 'sandbox', sandbox, path: path === '' ? '.' : path };
}
