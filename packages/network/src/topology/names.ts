import type { NetworkTopology } from '@sovereign/core';

/** What people call a sandbox: its name, else its id. */
export type NameOf = (id: string) => string;

export function namesOf({ sandboxes }: NetworkTopology): NameOf {
  const names = new Map<string, string>(sandboxes.map(({ id, name }) => [id, name ?? id]));
  return (id) => names.get(id) ?? id;
}
