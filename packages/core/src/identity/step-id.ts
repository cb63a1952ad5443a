import { randomBytes } from 'node:crypto';
import { SovereignError } from '@sovereign/protocol';
import type { StepId } from '../contract/apply-step.ts';
import { randomName, type RandomSource } from './random-name.ts';

const pattern = /^stp_[0-9a-z]{12}$/;

/** True for `stp_` and twelve characters of `[0-9a-z]`. */
export function isStepId(text: string): text is StepId {
  return pattern.test(text);
}

/** @throws SovereignError `argument.invalid` */
export function parseStepId(text: string): StepId {
  if (isStepId(text)) return text;
  throw new SovereignError({
    reason: 'argument.invalid',
    message: `Step id: ${JSON.stringify(text.slice(0, 64))} (expected stp_ and twelve of 0-9a-z).`,
    hint: 'List steps to see their ids: sovereign step ls',
  });
}

/** Nobody can foresee one: what is half written in a workspace carries it. */
export function createStepId(random: RandomSource = randomBytes): StepId {
  return parseStepId(randomName('stp_', random));
}
