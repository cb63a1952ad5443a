import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { SovereignError, tiers, type Tier } from '@sovereign/protocol';
import { fsyncModes, type FsyncMode } from '../ledger/ledger.ts';
import { facilityNames, type FacilityName } from '../runtime/facilities.ts';
import { parseBoundedJson } from './bounded-json.ts';
import { parseRegistries, type RegistrySettings } from './registry-settings.ts';

/** What a user decides for all of their sandboxes. A project's files can never change it. */
export interface UserConfig {
  /** Tiers that `auto` may take, first one preferred. A tier that is not named is never taken. Default: strongest first. */
  readonly tierOrder?: readonly Tier[];
  readonly insecure?: {
    /** Facilities that stay enabled in `--insecure` mode. Default: none. */
    readonly allow?: readonly FacilityName[];
  };
  readonly ledger?: {
    readonly fsync?: FsyncMode;
  };
  /** Registries of images that are not as others: mirrors, and those without TLS. Default: none. */
  readonly registries?: Readonly<Record<string, RegistrySettings>>;
  readonly images?: {
    /** Most bytes that one layer of an image may unpack to. Default 32 GiB. */
    readonly maxLayerBytes?: number;
  };
}

const limits = { maxBytes: 65_536, maxDepth: 8 } as const;

/**
 * Reads the configuration of a user; a file that does not exist is an empty one. A file that others can write is
 * refused: it decides what isolation there is.
 * @throws SovereignError `config.invalid`
 */
export function loadUserConfig(path: string): UserConfig {
  const text = readOwnFile(path);
  return text === undefined ? {} : parseUserConfig(text, path);
}

/** @throws SovereignError `config.invalid` */
export function parseUserConfig(text: string, path: string): UserConfig {
  const refuse = (what: string): SovereignError => invalid(path, what);
  let value: unknown;
  try {
    value = parseBoundedJson(text, limits);
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : 'not JSON');
  }
  const root = members(
    value,
    'the file',
    ['tierOrder', 'insecure', 'ledger', 'registries', 'images'],
    refuse,
  );
  const insecure =
    root['insecure'] === undefined ? undefined : members(root['insecure'], 'insecure', ['allow'], refuse);
  const ledger =
    root['ledger'] === undefined ? undefined : members(root['ledger'], 'ledger', ['fsync'], refuse);
  const registries =
    root['registries'] === undefined ? undefined : parseRegistries(root['registries'], refuse);
  const images =
    root['images'] === undefined ? undefined : members(root['images'], 'images', ['maxLayerBytes'], refuse);
  const maxLayerBytes = images?.['maxLayerBytes'];
  if (maxLayerBytes !== undefined && !isCount(maxLayerBytes))
    throw refuse('images.maxLayerBytes is not a whole number above 0');
  const tierOrder = listOf(root['tierOrder'], 'tierOrder', tiers, refuse);
  const allow = listOf(insecure?.['allow'], 'insecure.allow', facilityNames, refuse);
  const fsync =
    ledger?.['fsync'] === undefined ? undefined : oneOf(ledger['fsync'], 'ledger.fsync', fsyncModes, refuse);
  return {
    ...(tierOrder && { tierOrder }),
    ...(insecure && { insecure: { ...(allow && { allow }) } }),
    ...(ledger && { ledger: { ...(fsync && { fsync }) } }),
    ...(registries && { registries }),
    ...(images && { images: { ...(maxLayerBytes !== undefined && { maxLayerBytes }) } }),
  };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

type Refuse = (what: string) => SovereignError;

function members(
  value: unknown,
  name: string,
  known: readonly string[],
  refuse: Refuse,
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse(`${name} is not an object`);
  for (const key of Object.keys(value)) {
    if (!known.includes(key))
      throw refuse(`unknown key ${JSON.stringify(key.slice(0, 64))} in ${name} (known: ${known.join(', ')})`);
  }
  return { ...value };
}

function listOf<T extends string>(
  value: unknown,
  name: string,
  known: readonly T[],
  refuse: Refuse,
): readonly T[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw refuse(`${name} is not a list`);
  const items = value.map((item: unknown) => oneOf(item, name, known, refuse));
  if (new Set(items).size !== items.length) throw refuse(`${name} names something twice`);
  return items;
}

function oneOf<T extends string>(value: unknown, name: string, known: readonly T[], refuse: Refuse): T {
  const found = known.find((item) => item === value);
  if (found === undefined)
    throw refuse(`${name} holds ${JSON.stringify(value).slice(0, 64)} (expected ${known.join(', ')})`);
  return found;
}

function readOwnFile(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw invalid(path, error instanceof Error ? error.message : 'cannot be read');
  }
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) throw invalid(path, 'not a regular file');
    if (found.size > limits.maxBytes) throw invalid(path, `larger than ${limits.maxBytes} bytes`);
    const uid = process.getuid?.();
    // SAFETY: whoever writes this file decides what isolation there is; held by user-config.test.ts.
    if (uid !== undefined && ((found.mode & 0o022) !== 0 || (found.uid !== uid && found.uid !== 0))) {
      throw invalid(path, 'others can write it (expected: owned by you, mode 0600 or 0644)');
    }
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function invalid(path: string, what: string): SovereignError {
  return new SovereignError({
    reason: 'config.invalid',
    message: `Configuration ${path}: ${what}.`,
    hint: 'Correct the file, or move it away to use the defaults.',
  });
}
