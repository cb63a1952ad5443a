import { hash } from 'node:crypto';

/**
 * One record is one line: a JSON object whose last member is the hash of everything before it.
 *
 *     {"seq":7,"at":1760000000000,"prev":"<hash of record 6>","kind":"intent", … ,"hash":"<sha256 of the line up to here>"}
 *
 * The hash covers the bytes as written, so no canonical form of JSON is needed to check it; `prev` is among them, which
 * makes the chain. `sha256sum` of a line without its last 76 bytes (newline among them) gives the same value.
 */
export const recordKinds = ['lane.opened', 'intent', 'outcome', 'lane.recovered', 'lane.closed'] as const;
export type RecordKind = (typeof recordKinds)[number];

/** Longest line, newline excluded. Longer ones are neither written nor read. */
export const maxLineBytes = 1_048_576;

/** `prev` of the first record of lane 0. */
export const noHash: string = '0'.repeat(64);

/** `,"hash":"` + 64 hex digits + `"}` */
const trailerBytes = 75;
const trailer = /^,"hash":"([0-9a-f]{64})"\}$/;

export interface Link {
  readonly seq: number;
  readonly prev: string;
}

/** A line with its newline, and its hash. `members` is JSON text that begins with a comma, or nothing. */
export function buildLine(
  link: Link,
  at: number,
  kind: RecordKind,
  members: string,
): { readonly line: string; readonly hash: string } {
  const body = `{"seq":${link.seq},"at":${at},"prev":"${link.prev}","kind":"${kind}"${members}`;
  const digest = hash('sha256', body);
  return { line: `${body},"hash":"${digest}"}\n`, hash: digest };
}

/** The hash that a line carries, or undefined when it does not end as a record does. Says nothing of its truth. */
export function claimedHash(line: Buffer): string | undefined {
  if (line.length < trailerBytes || line.length > maxLineBytes) return undefined;
  return trailer.exec(line.toString('latin1', line.length - trailerBytes))?.[1];
}

/** True when the hash that a line carries is that of its bytes. */
export function isIntact(line: Buffer, claimed: string): boolean {
  return hash('sha256', line.subarray(0, line.length - trailerBytes)) === claimed;
}

/** The members that hold the chain together, read from a line of unknown origin. */
export interface LinkMembers extends Link {
  readonly kind: RecordKind;
  readonly id: string;
  readonly tornBytes: number;
  readonly tornHash: string;
  /** Lanes that the writer saw, in `lane.opened` and `lane.closed`. */
  readonly lanes: number;
  readonly lane: number;
}

/** The object of a line, or undefined when it is none. */
export function parseObject(line: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

export function parseLink(line: Buffer): LinkMembers | undefined {
  const value = parseObject(line);
  if (value === undefined) return undefined;
  const kind = recordKinds.find((known) => known === value['kind']);
  const seq = value['seq'];
  if (kind === undefined || !isCount(seq)) return undefined;
  return {
    seq,
    kind,
    prev: text(value['prev']),
    id: text(value['id']),
    tornBytes: count(value['tornBytes']),
    tornHash: text(value['tornHash']),
    lanes: count(value['lanes']),
    lane: count(value['lane']),
  };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function count(value: unknown): number {
  return isCount(value) ? value : 0;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
