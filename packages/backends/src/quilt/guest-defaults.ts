import type { Guest, ImageConfig, SandboxSpec } from '@sovereign/core';
import { guestPaths, guestSearchPath } from '@sovereign/guest';
import { workspaceTarget } from './guest-root.ts';

/** What commands of a sandbox start from where they say nothing: by its image, and by us where that says nothing either. */
export function guestDefaults(
  spec: SandboxSpec,
  image: ImageConfig | undefined,
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
function workingDirectory(spec: SandboxSpec, image: ImageConfig | undefined): string {
  return spec.workspace === undefined
    ? (imageDirectory(image) ?? workspaceTarget(spec))
    : workspaceTarget(spec);
}

/** WORKDIR of an image, where it names one that can be a directory. It is made where the image has none. */
export function imageDirectory(image: ImageConfig | undefined): string | undefined {
  const named = image?.workingDirectory ?? '';
  return named.startsWith('/') && !named.includes('\0') && Buffer.byteLength(named) < 4_096
    ? named
    : undefined;
}
