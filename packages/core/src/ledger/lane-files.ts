import { readdirSync } from 'node:fs';

/** Most lanes of one ledger: more writers than this at once are a mistake. */
export const maxLanes = 10_000;

export interface LockName {
  readonly lane: number;
  readonly name: string;
  readonly holder: LockHolder;
}

/** Who holds a lane: enough to tell a live process from a dead one whose id was given to another. */
export interface LockHolder {
  readonly pid: number;
  /** Start of the process in clock ticks since boot; 0 where the system does not tell. */
  readonly startTicks: string;
  /** Id of the boot, without dashes; `none` where the system does not tell. */
  readonly bootId: string;
  /** PID namespace: in another one, its process ids mean nothing here. 0 where there are none. */
  readonly pidNamespace: string;
}

/** What a ledger directory holds, by name. */
export interface LaneListing {
  /** Numbers of the segments of each lane, ascending. */
  readonly segments: ReadonlyMap<number, readonly number[]>;
  readonly locks: readonly LockName[];
  /** Lanes from 0 to the highest that has a segment. */
  readonly laneCount: number;
}

const segmentPattern = /^lane-(\d{4})(?:\.([1-9]\d{0,5}))?\.jsonl$/;
const lockPattern =
  /^lane-(\d{4})\.(\d{1,10})\.(\d{1,20})\.([0-9a-f]{32}|none)\.(\d{1,20})\.[0-9a-f]+\.lock$/;

/** `lane-0000.jsonl`, then `lane-0000.1.jsonl` … when a segment is full. */
export function segmentName(lane: number, segment: number): string {
  return segment === 0 ? `${laneStem(lane)}.jsonl` : `${laneStem(lane)}.${segment}.jsonl`;
}

export function reserveName(lane: number): string {
  return `${laneStem(lane)}.reserve`;
}

/** The whole of a lock is its name, so that it appears at once with its content. `token` tells writers of one process apart. */
export function lockName(lane: number, holder: LockHolder, token: string): string {
  return `${laneStem(lane)}.${holder.pid}.${holder.startTicks}.${holder.bootId}.${holder.pidNamespace}.${token}.lock`;
}

function laneStem(lane: number): string {
  return `lane-${String(lane).padStart(4, '0')}`;
}

export function listLanes(directory: string): LaneListing {
  const segments = new Map<number, number[]>();
  const locks: LockName[] = [];
  let laneCount = 0;
  for (const name of readdirSync(directory)) {
    const segment = segmentPattern.exec(name);
    if (segment !== null) {
      const lane = Number(segment[1]);
      const numbers = segments.get(lane) ?? [];
      numbers.push(Number(segment[2] ?? 0));
      segments.set(lane, numbers);
      laneCount = Math.max(laneCount, lane + 1);
      continue;
    }
    const [, lane, pid, startTicks, bootId, pidNamespace] = lockPattern.exec(name) ?? [];
    if (lane === undefined || startTicks === undefined || bootId === undefined || pidNamespace === undefined)
      continue;
    locks.push({ lane: Number(lane), name, holder: { pid: Number(pid), startTicks, bootId, pidNamespace } });
  }
  for (const numbers of segments.values()) numbers.sort((a, b) => a - b);
  return { segments, locks, laneCount };
}
