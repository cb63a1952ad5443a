import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { SovereignError, type Layer } from '@sovereign/protocol';
import { bootId } from '@sovereign/core';
import type { SandboxProgram } from './sandbox-program.ts';

/** What is asked of a fresh guest, before anything of a caller's runs in it. */
const question = 'uname -sm && cat /proc/sys/kernel/random/boot_id';
/** A program that has to start the machine first may say so before. */
const answerPattern = /^Linux (x86_64|aarch64)\s+([0-9a-f-]{36})\s*$/m;

export interface GuestMachine {
  readonly architecture: 'x86_64' | 'aarch64';
  readonly layer: Layer;
}

/**
 * Asks a guest what it runs on, and whether that is a kernel of its own: each boot of a kernel has a random id.
 *
 * @throws SovereignError `tier.weakened` when it is the kernel of this host, `engine.failed`
 */
export async function askMachine(
  program: SandboxProgram,
  name: string,
  signal: AbortSignal | undefined,
): Promise<GuestMachine> {
  const argv = ['/bin/sh', '-c', question];
  const told = await program.exec('The sandbox does not say what it runs on', name, argv, { signal });
  const match = answerPattern.exec(told.slice(0, 4_096));
  const [, architecture, boot = ''] = match ?? [];
  if (architecture !== 'x86_64' && architecture !== 'aarch64') throw unknownMachine(told);
  if (boot.replaceAll('-', '') === bootId()) throw sharedKernel(name);
  const detail =
    bootId() === 'none'
      ? `Linux on ${process.platform}`
      : 'the boot id of its kernel is not that of the host';
  return { architecture, layer: { name: 'virtual-machine', state: 'active', detail } };
}

/** Machine types of the ELF header (elf.h). */
const machines = { x86_64: 62, aarch64: 183 } as const;

/**
 * The shelld for a guest: the one that was built here, or one beside it that is named after the architecture.
 *
 * @throws SovereignError `shelld.missing`
 */
export function shelldFor(shelldPath: string, architecture: GuestMachine['architecture']): string {
  const named = `${shelldPath}-${architecture}`;
  for (const path of [shelldPath, named])
    if (existsSync(path) && machineOf(path) === machines[architecture]) return path;
  throw new SovereignError({
    reason: 'shelld.missing',
    message: `The sandbox runs on ${architecture}, and no shelld for it is built: neither ${shelldPath} nor ${named}.`,
    hint: `Build it on Linux for ${architecture} (make -C packages/guest/shelld) and put it to ${named}.`,
    context: { path: named },
  });
}

function machineOf(path: string): number | undefined {
  const header = Buffer.alloc(20);
  const file = openSync(path, 'r');
  try {
    const length = readSync(file, header, 0, header.byteLength, 0);
    const isElf = length === header.byteLength && header.readUInt32BE(0) === 0x7f_45_4c_46;
    return isElf ? header.readUInt16LE(18) : undefined;
  } finally {
    closeSync(file);
  }
}

function unknownMachine(told: string): SovereignError {
  return new SovereignError({
    reason: 'engine.failed',
    message: `The sandbox runs on something unknown: ${JSON.stringify(told.slice(0, 100))} (Linux on x86_64 or aarch64 expected).`,
    hint: 'Take an image of Linux that has sh, uname and cat.',
  });
}

function sharedKernel(name: string): SovereignError {
  return new SovereignError({
    reason: 'tier.weakened',
    message: `${name} runs on the kernel of this host (a kernel of its own expected).`,
    hint: 'Is that program Docker Sandboxes? Take another tier.',
  });
}
