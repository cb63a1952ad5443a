import { randomBytes } from 'node:crypto';
import { SovereignError } from '@sovereign/protocol';
import type { SnapshotId } from '../contract/snapshots.ts';
import { randomName, type RandomSource } from './random-name.ts';

const pattern = /^snp_[0-9a-z]{12}$/;

/** True for `snp_` and twelve characters of `[0-9a-z]`. */
export function isSnapshotId(text: string): text is SnapshotId {
  return pattern.test(text);
}

/** @throws SovereignError `argument.invalid` */
export function parseSnapshotId(text: string): SnapshotId {
  if (isSnapshotId(text)) return text;
  throw new SovereignError({
    reason: 'argument.invalid',
    message: `Snapshot id: ${JSON.stringify(text.slice(0, 64))} (expected snp_ and twelve of 0-9a-z).`,
    hint: 'List snapshots to see their ids.',
  });
}

export function createSnapshotId(random: RandomSource = randomBytes): SnapshotId {
  return parseSnapshotId(randomName('snp_', random));
}
