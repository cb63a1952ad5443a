import { SovereignError } from '@sovereign/protocol';
import type { BindOptions, BrokeredSandbox, SandboxId } from '@sovereign/core';

/** Most of a kind that one process holds. */
const maxHeld = 1_000;

export function checkRoom(held: number): void {
  if (held < maxHeld) return;
  throw new SovereignError({
    reason: 'guest.exhausted',
    message: `This process brokers too many connections: ${held} (at most ${maxHeld}).`,
    hint: 'Sever links and unbind ports that are not needed.',
  });
}

export function hasHostNetwork({ id }: BrokeredSandbox): SovereignError {
  return new SovereignError({
    reason: 'argument.invalid',
    message: `Sandbox ${id} has the network of the host: egress rules would keep nothing back.`,
    hint: 'Create it without network: host.',
    context: { sandbox: id },
  });
}

export function portNotFound(
  sandbox: SandboxId,
  { port, hostAddress, hostPort }: BindOptions,
): SovereignError {
  return new SovereignError({
    reason: 'port.not-found',
    message: `Port ${port} of ${sandbox} is not published on ${hostAddress}, port ${hostPort}, by this process.`,
    hint: 'Look at the network graph for what is published, and by whom.',
    context: { sandbox, port },
  });
}

export function linkExists(from: BrokeredSandbox, to: BrokeredSandbox, port: number): SovereignError {
  return new SovereignError({
    reason: 'link.exists',
    message: `${from.name ?? from.id} has a link to ${to.name ?? to.id}, port ${port}, already.`,
    hint: 'Use it, or sever it first.',
  });
}

export function linkNotFound(from: SandboxId, to: SandboxId, port: number): SovereignError {
  return new SovereignError({
    reason: 'link.not-found',
    message: `No link of this process goes from ${from} to ${to}, port ${port}.`,
    hint: 'Look at the network graph for the links there are, and who holds them.',
  });
}
