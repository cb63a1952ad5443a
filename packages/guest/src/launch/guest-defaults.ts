import type { Guest, ImageConfig, SandboxSpec } from '@sovereign/core';
import { guestPaths, guestSearchPath } from './guest-mounts.ts';

/** What an image says of commands that say nothing themselves. */
export type ImageDefaults = Pick<ImageConfig, 'env' | 'user' | 'workingDirectory'>;

/**
 * What commands of a sandbox start from where they say nothing: by its image, and by us where that says nothing either.
 *
 * @param image undefined for one that says nothing of its own, such as image `host`.
 */
export function guestDefaults(
  spec: SandboxSpec,
  image: ImageDefaults | undefined,
): Pick<Guest, 'workspacePath' | 'baseEnv' | 'user' | 'isHomeDefault'> {
  const user = image?.user ?? '';
  return {
    workspacePath: workingDirectory(spec, image),
    baseEnv: {
      PATH: guestSearchPath,
      HOME: '/root',
      LANG: 'C.UTF-8',
      ...image?.env,
      PYTHONPATH: guestPaths.python,
      SOVEREIGN_SANDBOX: spec.id,
    },
    isHomeDefault: image?.env['HOME'] === undefined,
    ...(user !== '' && { user }),
  };
}

/** The workspace; without one, what the image names. */
function workingDirectory(spec: SandboxSpec, image: ImageDefaults | undefined): string {
  return spec.workspace === undefined
    ? (imageDirectory(image) ?? workspaceTarget(spec))
    : workspaceTarget(spec);
}

/** Where the workspace is inside; `/` when there is none. */
export function workspaceTarget(spec: SandboxSpec): string {
  return spec.workspace === undefined ? '/' : (spec.workspace.guestPath ?? guestPaths.workspace);
}

/** WORKDIR of an image, where it names one that can be a directory. It is made where the image has none. */
export function imageDirectory(
  image: Pick<ImageDefaults, 'workingDirectory'> | undefined,
): string | undefined {
  const named = image?.workingDirectory ?? '';
  return named.startsWith('/') && !named.includes('\0') && Buffer.byteLength(named) < 4_096
    ? named
    : undefined;
}
