import type { NetworkTopology } from '@sovereign/sdk';

/** Names of sandboxes by id; those without one are called by it. */
export function namesOf({ sandboxes }: NetworkTopology): (id: string) => string {
  const names = new Map<string, string>(sandboxes.map(({ id, name }) => [id, name ?? id]));
  return (id) => names.get(id) ?? id;
}

/** The id that a person means by an id or a name; what is none is given back. */
export function idOf({ sandboxes }: NetworkTopology, idOrName: string): string {
  return sandboxes.find(({ id, name }) => id === idOrName || name === idOrName)?.id ?? idOrName;
}
