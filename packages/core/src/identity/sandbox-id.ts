import { randomBytes } from 'node:crypto';
import { SovereignError } from '@sovereign/protocol';
import type { SandboxId } from '../contract/sandbox-spec.ts';
import { randomName, type RandomSource } from './random-name.ts';

const pattern = /^sbx_[0-9a-z]{12}$/;

/** True for `sbx_` and twelve characters of `[0-9a-z]`. */
export function isSandboxId(text: string): text is SandboxId {
  return pattern.test(text);
}

/** @throws SovereignError `argument.invalid` */
export function parseSandboxId(text: string): SandboxId {
  if (isSandboxId(text)) return text;
  throw new SovereignError({
    reason: 'argument.invalid',
    message: `Sandbox id: ${JSON.stringify(text.slice(0, 64))} (expected sbx_ and twelve of 0-9a-z).`,
    hint: 'List sandboxes to see their ids.',
  });
}

/** A new identity, made of 62 bits of randomness. */
export function createSandboxId(random: RandomSource = randomBytes): SandboxId {
  return parseSandboxId(randomName('sbx_', random));
}
