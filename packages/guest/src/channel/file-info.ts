import { changeKinds, channelLimits, decodeFrame, fileKinds } from '@sovereign/protocol';
import type { FileChange, FileInfo } from '@sovereign/core';
import { protocolViolation } from './channel-errors.ts';

const kindByNumber: ReadonlyMap<number, FileInfo['kind']> = new Map(
  Object.entries(fileKinds).map(([kind, number]) => [number, kind as keyof typeof fileKinds]),
);
const changeByNumber: ReadonlyMap<number, FileChange['kind']> = new Map(
  Object.entries(changeKinds).map(([kind, number]) => [number, kind as keyof typeof changeKinds]),
);

/** @throws SovereignError `channel.protocol` */
export function readFileInfo(payload: Uint8Array): FileInfo {
  const { kind, name, target, ...rest } = decodeFrame('file.info', payload);
  const kindName = kindByNumber.get(kind);
  if (kindName === undefined) throw protocolViolation(`unknown kind of file: ${kind}`);
  checkName(name);
  checkName(target);
  return { name, kind: kindName, ...rest, target: kindName === 'link' ? target : null };
}

/** @throws SovereignError `channel.protocol` */
export function readFileChange(payload: Uint8Array): FileChange {
  const { kind, name } = decodeFrame('file.changed', payload);
  const kindName = changeByNumber.get(kind);
  if (kindName === undefined) throw protocolViolation(`unknown kind of change: ${kind}`);
  checkName(name);
  return { kind: kindName, name };
}

function checkName(name: string): void {
  if (name.length > channelLimits.maxPathBytes) throw protocolViolation(`name of ${name.length} characters`);
}
