import type { SandboxSpec } from '../contract/sandbox-spec.ts';

/** Linux takes no longer one: HOST_NAME_MAX, 64 with its end. */
const maxLength = 63;

/** The host name of a sandbox inside: its name, else its id, with `-` for what no host name has. */
export function hostNameOf({ name, id }: Pick<SandboxSpec, 'name' | 'id'>): string {
  return (name ?? id).replaceAll(/[^a-zA-Z0-9-]/g, '-').slice(0, maxLength);
}
