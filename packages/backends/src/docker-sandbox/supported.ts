import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { SovereignError } from '@sovereign/protocol';
import type { SandboxSpec, WorkspaceSpec } from '@sovereign/core';
import { shieldedPaths } from '@sovereign/guest';
import type { CreateRequest, ProgramKind } from './command-line.ts';

const mebibyte = 1024 * 1024;
const minMemoryMib = 512;

export interface MachineInit {
  readonly spec: SandboxSpec;
  readonly name: string;
  readonly kind: ProgramKind;
  /** An empty directory of ours, for a program that wants a writable one where the caller gives none. */
  readonly emptyDirectory: string;
}

/**
 * A spec in the words of the program.
 *
 * @throws SovereignError `capability.missing`, `limit.unsupported`, `argument.invalid`, `image.invalid`,
 *   `workspace.refused` for what cannot be had
 */
export function createRequest({ spec, name, kind, emptyDirectory }: MachineInit): CreateRequest {
  checkSupported(spec, kind);
  const { memoryBytes, cpus } = spec.limits;
  return {
    name,
    ...(spec.image.kind === 'reference' && { template: spec.image.reference }),
    ...(memoryBytes !== undefined && { memoryMib: Math.ceil(memoryBytes / mebibyte) }),
    ...(cpus !== undefined && { cpus: Math.max(1, Math.ceil(cpus)) }),
    workspaces: workspaceArguments(spec.workspace, emptyDirectory),
  };
}

/** Refuses what Docker Sandboxes cannot give, before anything is made. */
export function checkSupported(spec: SandboxSpec, kind: ProgramKind): void {
  const { limits, image, workspace } = spec;
  if (spec.isInsecure)
    throw invalid('A microVM does not run with isInsecure.', 'Leave it out, or ask for the process tier.');
  if (spec.network === 'host')
    throw missing(
      'network host',
      'a virtual machine is not in the network of the host; ask for hosts by name',
    );
  if ((spec.volumes ?? []).length > 0)
    throw missing('volumes', 'Docker Sandboxes has none: give it a workspace, or copy files in and out');
  if (image.kind === 'rootfs' || image.kind === 'tar')
    throw new SovereignError({
      reason: 'image.invalid',
      message: `Docker Sandboxes takes images by name: ${image.path} (host, or a name such as docker/sandbox-templates:shell).`,
      hint: 'Push it to a registry and name it, or take another tier.',
      context: { image: image.path },
    });
  if (limits.pids !== undefined)
    throw limit(
      `A microVM has no limit on processes: ${limits.pids}. Its memory bounds them.`,
      'Leave it out.',
    );
  if (kind === 'plugin' && (limits.memoryBytes !== undefined || limits.cpus !== undefined))
    throw limit('The docker sandbox command takes no limit on memory or CPUs.', 'Install sbx, which does.');
  if (limits.memoryBytes !== undefined && limits.memoryBytes < minMemoryMib * mebibyte)
    throw limit(
      `Memory of a microVM of Docker Sandboxes: ${limits.memoryBytes} bytes (at least ${minMemoryMib} MiB expected).`,
      'Give it more: an engine of its own runs in it.',
    );
  if (workspace !== undefined) checkWorkspace(workspace);
}

/** Where the workspace is inside: where it is on the host, and nowhere else. */
export function workspacePath({ workspace }: SandboxSpec): string {
  return workspace?.hostPath ?? '/';
}

/** The first is always writable, so that a read-only workspace stands behind an empty directory. */
function workspaceArguments(workspace: WorkspaceSpec | undefined, emptyDirectory: string): readonly string[] {
  if (workspace === undefined) return [emptyDirectory];
  return workspace.isReadOnly === true ? [emptyDirectory, `${workspace.hostPath}:ro`] : [workspace.hostPath];
}

function checkWorkspace({ hostPath, guestPath, isReadOnly, isReviewed, granted = [] }: WorkspaceSpec): void {
  if (isReviewed === true) throw missing('review of a workspace', 'the host shows it the directory itself');
  if (guestPath !== undefined && guestPath !== hostPath)
    throw missing(`workspace at ${guestPath}`, `it appears inside where it is on the host, at ${hostPath}`);
  if (lstatSync(hostPath, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw refused(hostPath, 'it is no directory', 'Make it, or name another.');
  // The program reads what stands behind the last colon as an option.
  if (/[:\n]/.test(hostPath))
    throw refused(hostPath, 'its path has a colon or a line break', 'Give it another name.');
  if (isReadOnly === true) return;
  // SAFETY: the program mounts a directory whole, and nothing in it otherwise. What runs later on the host would be open
  // to the guest: it is refused, and not shown silently. Held by supported.test.ts and tests/docker-sandbox.
  const open = shieldedPaths.filter((path) => !granted.includes(path) && isThere(join(hostPath, path)));
  if (open.length === 0) return;
  throw refused(
    hostPath,
    `Docker Sandboxes cannot keep from a guest what runs later on the host: ${open.join(', ')}`,
    `Let it be changed (${open.map((path) => `--grant ${path}`).join(' ')}), show it read-only (--read-only), or take another tier.`,
  );
}

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    // `.git` of a worktree is a file.
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return false;
    throw error;
  }
}

function refused(path: string, why: string, hint: string): SovereignError {
  return new SovereignError({
    reason: 'workspace.refused',
    message: `The workspace ${path} is refused: ${why}.`,
    hint,
    context: { path },
  });
}

function missing(what: string, why: string): SovereignError {
  return new SovereignError({
    reason: 'capability.missing',
    message: `A sandbox of docker-sandbox has no ${what}: ${why}.`,
    hint: 'Leave it out, or ask for another tier.',
    context: { backend: 'docker-sandbox', capability: what },
  });
}

function limit(message: string, hint: string): SovereignError {
  return new SovereignError({ reason: 'limit.unsupported', message, hint });
}

function invalid(message: string, hint: string): SovereignError {
  return new SovereignError({ reason: 'argument.invalid', message, hint });
}
