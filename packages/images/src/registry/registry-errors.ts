import { SovereignError } from '@sovereign/protocol';
import { quoted } from '../image-errors.ts';

/** A failure that may pass when it is tried again. */
export class Transient extends Error {
  /** How long the registry asks to wait; 0 when it does not say. */
  readonly waitMs: number;

  constructor(message: string, waitMs = 0) {
    super(message);
    this.name = 'Transient';
    this.waitMs = waitMs;
  }
}

export function pullFailed(host: string, why: string): SovereignError {
  return new SovereignError({
    reason: 'image.pull-failed',
    message: `Registry ${quoted(host)}: ${why}.`,
    hint: 'Try again: what has arrived whole is kept. Is the registry reachable from here?',
    context: { registry: host.slice(0, 300) },
  });
}

export function denied(host: string, repository: string, hadCredentials: boolean): SovereignError {
  return new SovereignError({
    reason: 'image.denied',
    message: `Registry ${quoted(host)} does not let ${hadCredentials ? 'these credentials' : 'you'} read ${quoted(repository)}.`,
    hint: hadCredentials
      ? 'Log in again (docker login, podman login), or check the name.'
      : 'Log in first (docker login, podman login), or check the name: many registries answer so for what does not exist.',
    context: { registry: host.slice(0, 300) },
  });
}
