import type { Guest, ImageConfig, SandboxSpec } from '@sovereign/core';
import { guestPaths, guestSearchPath } from './guest-mounts.ts';

/** Longest path that a Linux guest takes, its final NUL included: PATH_MAX of linux/limits.h. */
const maxPathBytes = 4_096;

/** What an image says of commands that say nothing themselves. */
export type ImageDefaults = Pick<ImageConfig, 'env' | 'user' | 'workingDirectory'>;

/**
 * What commands of a sandbox start from where they say nothing: by its image, and by us where that says nothing either.
 *
 * @param image undefined for one that says nothing of its own, such as image `host` or a root directory.
 */
export function guestDefaults(
  spec: SandboxSpec,
  image?: ImageDefaults,
): Pick<Guest, 'workspacePath' | 'baseEnv' | 'user'> & { readonly isHomeDefault: boolean } {
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

/** Where the workspace is inside; `/` when there is none. */
export function workspaceTarget(spec: SandboxSpec): string {
  return spec.workspace === undefined ? '/' : (spec.workspace.guestPath ?? guestPaths.workspace);
}

/** WORKDIR of an image, where it names one that can be a directory; an image is a stranger's. */
export function imageDirectory(
  image: Pick<ImageDefaults, 'workingDirectory'> | undefined,
): string | undefined {
  const named = image?.workingDirectory ?? '';
  return named.startsWith('/') && !named.includes('\0') && Buffer.byteLength(named) < maxPathBytes
    ? named
    : undefined;
}

/** The workspace; without one, what the image names. */
function workingDirectory(spec: SandboxSpec, image: ImageDefaults | undefined): string {
  if (spec.workspace !== undefined) return workspaceTarget(spec);
  return imageDirectory(image) ?? workspaceTarget(spec);
}
