import type { Guest } from '../contract/backend.ts';

/** `root` or `0`, with any group. */
const root = /^(root|0)(:|$)/;

/**
 * What a user is told when commands run as somebody who cannot write in the workspace: USER of an image, mostly, who is
 * not whom the workspace belongs to inside (ADR 0006). Empty where they can, or are not to.
 *
 * @param user who commands run as where they do not say; undefined for whoever shelld is
 */
export function workspaceWarnings(
  { spec, workspaceOwner }: Pick<Guest, 'spec' | 'workspaceOwner'>,
  user: string | undefined,
): readonly string[] {
  const isWritable = spec.workspace !== undefined && spec.workspace.isReadOnly !== true;
  if (!isWritable || workspaceOwner === undefined || user === undefined || root.test(user)) return [];
  return [
    `Commands run as ${JSON.stringify(user.slice(0, 64))}, and the workspace belongs to ${workspaceOwner} inside: they can write only what its modes leave open to all. To write in it, run them with --user ${workspaceOwner}.`,
  ];
}
