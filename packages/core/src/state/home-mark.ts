import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ownedName } from '../identity/owned-name.ts';

/** The random mark of a state directory, made when it is first needed; the same for every process that uses it. */
export function homeMark(directory: string): string {
  const path = join(directory, 'home');
  const found = readMark(path);
  if (found !== undefined) return found;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const own = ownedName(path);
  writeFileSync(own, randomBytes(8).toString('hex'), { mode: 0o600 });
  try {
    linkSync(own, path);
  } catch {
    // Another process was quicker, or what is there is no mark and is replaced.
    if (readMark(path) === undefined) writeFileSync(path, readFileSync(own), { mode: 0o600 });
  } finally {
    rmSync(own, { force: true });
  }
  return readMark(path) ?? '';
}

/** Whether anything was ever made of that state directory. */
export function hasHomeMark(directory: string): boolean {
  return readMark(join(directory, 'home')) !== undefined;
}

function readMark(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return /^[0-9a-f]{16}$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
