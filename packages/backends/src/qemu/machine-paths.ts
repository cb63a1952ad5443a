/** Where things are inside the jail of a machine monitor. */
export const jailPaths = {
  shelld: '/vm/shelld',
  artifacts: '/vm/artifacts',
  machine: '/vm/machine',
  ports: '/vm/ports',
  workspace: '/vm/workspace',
  snapshot: '/vm/snapshot',
} as const;

/** Tag of the workspace's 9p share. */
export const workspaceTag = 'workspace';

/** Path of an artifact inside the jail. */
export function jailedArtifact(storePath: string, path: string): string {
  return `${jailPaths.artifacts}${path.slice(storePath.length)}`;
}
